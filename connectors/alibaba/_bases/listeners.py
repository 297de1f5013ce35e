"""Listeners with one default certificate and additional ones: what ALB and NLB have in common.

The default certificate is replaced in one call. An additional one is changed in two: the new
certificate is added first, and the former one is removed by `release`, once a handshake has shown
the new one. Meanwhile both are there.

Unconfirmed: which of two additional certificates for the same name is served; the one that was
added last would make every change visible, an exact name going before a wildcard would not.
Whether a certificate that has expired or was deleted from the store can be bound again.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any, ClassVar, NamedTuple

from connectors.alibaba._api.regions import page_over, regions_of
from connectors.alibaba._api.tags import tags
from connectors.alibaba._bases.additional_certificates import Slot, current, may_go, slots
from connectors.alibaba._bases.base import Probe, missing
from connectors.alibaba._bases.stored import StoredConnector, hosts
from domain.certificates.hostnames import covers
from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

PAGE_SIZE = 50
WORKING = ("running", "configuring")
ARRIVED, ON_ITS_WAY = "associated", "associating"

Row = dict[str, Any]


class Held(NamedTuple):
    """One certificate of a listener, as the listener shows it."""

    identifier: str
    default: bool
    arrived: bool


class ListenerConnector(StoredConnector):
    """Slots of a product's TLS listeners; the product says by which calls."""

    scenarios: ClassVar[frozenset[Scenario]] = frozenset({Scenario.UPDATE})
    queries_per_second = 10
    calls_per_change = 5  # 3 for a default certificate, 7 for an additional one
    propagation = timedelta(minutes=2)
    product: ClassVar[str]
    secured: ClassVar[frozenset[str]]
    """The protocols, in capital letters, whose listeners have a certificate."""

    @abstractmethod
    def listeners(self, region: str, token: str | None) -> Row:
        """One page of ListListeners, of PAGE_SIZE."""

    @abstractmethod
    def certificates(self, region: str, listener: str, token: str | None) -> Row:
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
        """Raises what the listener's last job failed with, where the service tells it."""

    def probes(self, region: str) -> list[Probe]:
        """What the product needs to be allowed besides."""
        return []

    def discover(self, page: str | None = None) -> Page:
        """The slots of fifty listeners a page, with what they serve."""
        return page_over(self._regions, page, PAGE_SIZE, self._slots_in)

    def read(self, resource: Resource) -> Binding | None:
        """What the slot serves; None where no additional certificate is for its names any more."""
        held = self._held(resource.region, resource.detail["listener"])
        if resource.slot == "default":
            return self.served(next((one.identifier for one in held if one.default), None))
        return self.served(current(Slot.of(resource), _added(held), self._names))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces the default certificate, or adds another beside. None raises Permanent."""
        if ref is None:
            raise Permanent("the slot always has a certificate", code="AlwaysOn")
        wanted = ref.fields["identifier"]
        if resource.slot == "default":
            return self.replace(resource, wanted)
        held = self._held(resource.region, resource.detail["listener"])
        if any(one.default and one.identifier == wanted for one in held):
            told = "it is the listener's default one already: remove the former additional one"
            raise Permanent(told, code="IsTheDefault")
        if wanted not in _added(held):
            self.add(resource, wanted)

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the listener shows that it arrived; raises what its last job failed with."""
        wanted = ref.fields["identifier"] if ref else None
        default = resource.slot == "default"
        held = self._held(resource.region, resource.detail["listener"])
        for one in held:
            if one.identifier == wanted and one.default == default:
                return one.arrived
        if wanted:
            self.raise_failure(resource)
        return False

    def release(
        self, resource: Resource, former: CertificateRef | None, now: CertificateRef | None
    ) -> None:
        """Removes the former additional certificate, unless other names still need it."""
        if resource.slot == "default" or former is None or now is None or former == now:
            return
        added = _added(self._held(resource.region, resource.detail["listener"]))
        old = former.fields["identifier"]
        if old in added and may_go(Slot.of(resource), old, added, self._names):
            self.dissociate(resource, old)

    def lock_key(self, resource: Resource) -> str:
        """A listener takes one change at a time."""
        return lock(self.product, resource.region, resource.detail["load_balancer"], resource.port)

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is always a former certificate, unless the store has lost it."""
        if before is None:
            return "the listener always has a certificate: there is no way back to none"
        return super().not_reversible(resource, before)

    def warnings(self, resource: Resource, before: Binding | None) -> tuple[str, ...]:
        """Where the way back may be refused."""
        if before and before.not_after and before.not_after <= datetime.now(UTC):
            return ("the former certificate has expired: it may be refused on the way back",)
        return ()

    def check(self) -> list[str]:
        """Lists, and looks at one listener; nothing is changed."""
        return missing([*self._probes(), *self.probe_store()])

    @cached_property
    def _regions(self) -> list[str]:
        return regions_of(self._settings, self._ask_regions)

    def _ask_regions(self) -> list[str]:
        reply = self.client.call("DescribeRegions", region=self._settings.site.region)
        return [row["RegionId"] for row in reply.get("Regions") or []]

    def _slots_in(self, region: str, token: str | None) -> tuple[list[Found], str | None]:
        reply = self.listeners(region, token)
        found = [slot for row in self._secured(reply) for slot in self._slots(region, row)]
        return found, reply.get("NextToken") or None

    def _secured(self, reply: Row) -> list[Row]:
        rows = reply.get("Listeners") or []
        return [row for row in rows if str(row.get("ListenerProtocol")).upper() in self.secured]

    def _held(self, region: str, listener: str) -> list[Held]:
        """The certificates of a listener that are there, or on their way to it."""
        held: list[Held] = []
        token: str | None = None
        while True:
            reply = self.certificates(region, listener, token)
            for row in reply.get("Certificates") or []:
                status = str(row.get("Status") or ARRIVED).lower()
                if status in (ARRIVED, ON_ITS_WAY):
                    default = bool(row.get("IsDefault"))
                    held.append(Held(str(row["CertificateId"]), default, status == ARRIVED))
            token = reply.get("NextToken") or None
            if token is None:
                return held

    def _slots(self, region: str, row: Row) -> Iterator[Found]:
        held = self._held(region, row["ListenerId"])
        added = slots(_added(held), self._names)
        taken = [name for slot in added for name in slot.domains]
        for one in held:
            if one.default:
                own = self._names(one.identifier)
                left = tuple(n for n in own if not any(covers(other, n) for other in taken))
                resource = self._resource(region, row, "default", left or own)
                yield self._found(resource, one.identifier, row)
        for slot in added:
            resource = self._resource(region, row, f"sni/{slot.called}", slot.domains, slot.ids())
            yield self._found(resource, slot.former, row)

    def _found(self, resource: Resource, identifier: str, row: Row) -> Found:
        binding, told = self.served(identifier), tags(row.get("Tags"))
        return Found(resource=resource, binding=binding, binding_known=True, tags=told)

    def _resource(
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
            state=self.state(row),
            detail={"load_balancer": balancer, "listener": row["ListenerId"], **(ids or {})},
        )

    def state(self, row: Row) -> str:
        """The state of a listener's slots."""
        state = str(row.get("ListenerStatus") or WORKING[0]).lower()
        return "online" if state in WORKING else state

    def _names(self, identifier: str) -> tuple[str, ...]:
        binding = self.served(identifier)
        return hosts(binding.names) if binding else ()

    def _probes(self) -> Iterator[Probe]:
        region = (*self._settings.regions, self._settings.site.region)[0]
        found: list[Row] = []
        yield f"{self.api.ram}:DescribeRegions", self._ask_regions
        yield (
            f"{self.api.ram}:ListListeners",
            lambda: found.extend(self._secured(self.listeners(region, None))[:1]),
        )
        for row in found:
            yield (
                f"{self.api.ram}:ListListenerCertificates",
                partial(self.certificates, region, row["ListenerId"], None),
            )
        yield from self.probes(region)


def lock(product: str, region: str, balancer: str, port: int) -> str:
    """One listener, as everything that may change it calls it."""
    return f"alibaba.{product}/{region}/{balancer}:{port}"


def _added(held: Sequence[Held]) -> list[str]:
    return [one.identifier for one in held if not one.default]
