"""Listeners with one default certificate and additional ones: the base of ALB and NLB.

One call replaces the default certificate. An additional certificate takes two calls: `bind` adds
the new one, and `release` removes the former one after a handshake has shown the new one. In
between the listener has both.

Unconfirmed:
* Which of two additional certificates for the same name is served. If it is the one that was
  added last, every change is visible. If an exact name goes before a wildcard, some are not.
* Whether a certificate that has expired or was deleted from the store can be bound again.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

from connectors.alibaba._api.regions import list_over_regions, list_regions
from connectors.alibaba._api.tags import to_tags
from connectors.alibaba._bases.additional_certificates import (
    AdditionalSlot,
    build_slots,
    find_current,
    may_remove,
)
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector, to_hostnames
from domain.certificates.hostnames import covers
from domain.errors import Permanent
from domain.resources.connector import ChangeWarning, Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

PAGE_SIZE = 50
WORKING = ("running", "configuring")
ARRIVED, ARRIVING = "associated", "associating"

Row = dict[str, Any]


class ListenerCertificate(NamedTuple):
    """One certificate of a listener, as the listener shows it."""

    identifier: str
    default: bool
    arrived: bool


class ListenerConnector(StoredConnector):
    """Slots of a product's TLS listeners. A subclass makes the calls."""

    scenarios: ClassVar[frozenset[Scenario]] = frozenset({Scenario.UPDATE})
    queries_per_second = 10
    calls_per_change = 5  # 3 for a default certificate, 7 for an additional one
    propagation = timedelta(minutes=2)
    product: ClassVar[str]
    tls_protocols: ClassVar[frozenset[str]]
    """The protocols, in capital letters, whose listeners have a certificate."""

    @abstractmethod
    def list_listeners(self, region: str, token: str | None) -> Row:
        """One page of ListListeners, of PAGE_SIZE."""

    @abstractmethod
    def list_certificates(self, region: str, listener: str, token: str | None) -> Row:
        """One page of ListListenerCertificates, server certificates only."""

    @abstractmethod
    def replace(self, resource: Resource, identifier: str) -> None:
        """Starts to replace the default certificate."""

    @abstractmethod
    def add(self, resource: Resource, identifier: str) -> None:
        """Starts to add a certificate."""

    @abstractmethod
    def dissociate(self, resource: Resource, identifier: str) -> None:
        """Starts to remove an additional certificate."""

    def raise_failure(self, resource: Resource) -> None:
        """Raises the error of the listener's last job, if the service tells it."""

    def list_extra_probes(self, region: str) -> list[Probe]:
        """Probes of further permissions of the product."""
        return []

    def discover(self, page: str | None = None) -> Page:
        """The slots of fifty listeners a page, with what they serve."""
        return list_over_regions(self._regions, page, PAGE_SIZE, self._list_slots)

    def read(self, resource: Resource) -> Binding | None:
        """What the slot serves; None if no additional certificate covers its names any more."""
        held = self._collect_certificates(resource.region, resource.detail["listener"])
        if resource.slot == "default":
            return self.get_binding(next((one.identifier for one in held if one.default), None))
        return self.get_binding(
            find_current(
                AdditionalSlot.from_resource(resource), _get_additional(held), self._get_names
            )
        )

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces the default certificate, or adds an additional one. None raises Permanent."""
        if ref is None:
            raise Permanent("the slot always has a certificate", code="AlwaysOn")
        wanted = ref.fields["identifier"]
        if resource.slot == "default":
            return self.replace(resource, wanted)
        held = self._collect_certificates(resource.region, resource.detail["listener"])
        if any(one.default and one.identifier == wanted for one in held):
            raise Permanent(
                "the certificate is the listener's default one already",
                code="IsTheDefault",
                advice="Remove the former additional certificate in the console.",
            )
        if wanted not in _get_additional(held):
            self.add(resource, wanted)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the listener shows it as arrived; raises the error of its last job."""
        wanted = ref.fields["identifier"] if ref else None
        default = resource.slot == "default"
        held = self._collect_certificates(resource.region, resource.detail["listener"])
        for one in held:
            if one.identifier == wanted and one.default == default:
                return one.arrived
        if wanted:
            self.raise_failure(resource)
        return False

    def remove_former(
        self, resource: Resource, former: CertificateRef | None, now: CertificateRef | None
    ) -> None:
        """Removes the former additional certificate, unless other names still need it."""
        if resource.slot == "default" or former is None or now is None or former == now:
            return
        added = _get_additional(
            self._collect_certificates(resource.region, resource.detail["listener"])
        )
        old = former.fields["identifier"]
        if old in added and may_remove(
            AdditionalSlot.from_resource(resource), old, added, self._get_names
        ):
            self.dissociate(resource, old)

    def get_lock_key(self, resource: Resource) -> str:
        """A listener takes one change at a time."""
        return build_lock_key(
            self.product, resource.region, resource.detail["load_balancer"], resource.port
        )

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is always a former certificate, unless the store has lost it."""
        if before is None:
            return "the listener always has a certificate: a rollback to none is impossible"
        return super().explain_not_reversible(resource, before)

    def list_warnings(
        self, resource: Resource, before: Binding | None
    ) -> tuple[ChangeWarning, ...]:
        """Warns where a rollback may be refused."""
        if not (before and before.has_expired(datetime.now(UTC))):
            return ()
        text = "the former certificate has expired: the service may refuse it in a rollback"
        return (ChangeWarning(code="expired-before", text=text),)

    def check(self) -> list[str]:
        """Reads one listener; changes nothing."""
        return list_missing_permissions([*self._list_probes(), *self.list_store_probes()])

    @cached_property
    def _regions(self) -> list[str]:
        return list_regions(self._settings, self._list_regions)

    def _list_regions(self) -> list[str]:
        reply = self.client.call("DescribeRegions", region=self._settings.site.region)
        return [row["RegionId"] for row in reply.get("Regions") or []]

    def _list_slots(
        self, region: str, token: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        reply = self.list_listeners(region, token)
        found = [slot for row in self._filter_tls(reply) for slot in self._build_slots(region, row)]
        return found, reply.get("NextToken") or None

    def _filter_tls(self, reply: Row) -> list[Row]:
        rows = reply.get("Listeners") or []
        return [
            row for row in rows if str(row.get("ListenerProtocol")).upper() in self.tls_protocols
        ]

    def _collect_certificates(self, region: str, listener: str) -> list[ListenerCertificate]:
        """The certificates that a listener has, or that are being added."""
        held: list[ListenerCertificate] = []
        token: str | None = None
        while True:
            reply = self.list_certificates(region, listener, token)
            for row in reply.get("Certificates") or []:
                status = str(row.get("Status") or ARRIVED).lower()
                if status in (ARRIVED, ARRIVING):
                    default = bool(row.get("IsDefault"))
                    held.append(
                        ListenerCertificate(str(row["CertificateId"]), default, status == ARRIVED)
                    )
            token = reply.get("NextToken") or None
            if token is None:
                return held

    def _build_slots(self, region: str, row: Row) -> Iterator[DiscoveredResource]:
        held = self._collect_certificates(region, row["ListenerId"])
        added = build_slots(_get_additional(held), self._get_names)
        taken = [name for slot in added for name in slot.domains]
        for one in held:
            if one.default:
                own = self._get_names(one.identifier)
                left = tuple(n for n in own if not any(covers(other, n) for other in taken))
                resource = self._build_resource(region, row, "default", left or own)
                yield self._build_found(resource, one.identifier, row)
        for slot in added:
            resource = self._build_resource(
                region, row, f"sni/{slot.name}", slot.domains, slot.to_detail()
            )
            yield self._build_found(resource, slot.former, row)

    def _build_found(self, resource: Resource, identifier: str, row: Row) -> DiscoveredResource:
        binding, tags = self.get_binding(identifier), to_tags(row.get("Tags"))
        return DiscoveredResource(resource=resource, binding=binding, binding_known=True, tags=tags)

    def _build_resource(
        self,
        region: str,
        row: Row,
        slot: str,
        domains: tuple[str, ...],
        ids: Mapping[str, str] | None = None,
    ) -> Resource:
        balancer, port = row["LoadBalancerId"], int(row["ListenerPort"])
        return Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{balancer}/{row['ListenerId']}/{slot}",
            region=region,
            domains=domains,
            slot=slot.partition("/")[0],
            port=port,
            state=self.get_state(row),
            detail={"load_balancer": balancer, "listener": row["ListenerId"], **(ids or {})},
        )

    def get_state(self, row: Row) -> str:
        """The state of a listener's slots."""
        state = str(row.get("ListenerStatus") or WORKING[0]).lower()
        return "online" if state in WORKING else state

    def _get_names(self, identifier: str) -> tuple[str, ...]:
        binding = self.get_binding(identifier)
        return to_hostnames(binding.names) if binding else ()

    def _list_probes(self) -> Iterator[Probe]:
        region = (*self._settings.regions, self._settings.site.region)[0]
        found: list[Row] = []
        yield f"{self.api.ram}:DescribeRegions", self._list_regions
        yield (
            f"{self.api.ram}:ListListeners",
            lambda: found.extend(self._filter_tls(self.list_listeners(region, None))[:1]),
        )
        for row in found:
            yield (
                f"{self.api.ram}:ListListenerCertificates",
                partial(self.list_certificates, region, row["ListenerId"], None),
            )
        yield from self.list_extra_probes(region)


def build_lock_key(product: str, region: str, balancer: str, port: int) -> str:
    """The lock key of a listener, shared by everything that changes it."""
    return f"alibaba.{product}/{region}/{balancer}:{port}"


def _get_additional(held: Sequence[ListenerCertificate]) -> list[str]:
    return [one.identifier for one in held if not one.default]
