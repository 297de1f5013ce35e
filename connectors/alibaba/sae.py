"""Serverless App Engine (SAE): gateway routes on ALB and on CLB, changed through SAE itself.

SAE manages the listeners of its routes, and would undo what is changed there behind its back. A
route on CLB has one certificate, of its region's own store; one on ALB has a list of certificates
of the certificate store, which each change sends whole. HTTP 200 is no success here: the answer's
envelope tells.

Unconfirmed, and kept here only: that the first certificate of the list is the default one, and
that fields which are not sent stay as they are. Only updates: whether a route may go back to HTTP
alone is not confirmed. No state is told, so a change has arrived as soon as SAE shows it. Not
documented: the limit of calls (five a second is this project's own choice) and how long a change
takes to arrive (three minutes, likewise).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice

from connectors.alibaba import _clb_store as clb
from connectors.alibaba._additional import Slot, current, may_go, slots
from connectors.alibaba._base import Probe, missing
from connectors.alibaba._cas_store import PERMISSIONS
from connectors.alibaba._client import Client
from connectors.alibaba._listener_slots import lock as listener_lock
from connectors.alibaba._regions import page_over, regions_of
from connectors.alibaba._sae_routes import ALB, API, CLB, Row, SaeRoutes, identifiers, kind
from connectors.alibaba._sae_routes import PERMISSIONS as SAE_PERMISSIONS
from connectors.alibaba._stored import StoredConnector, hosts
from domain.certificate import Certificate
from domain.connector import OpenKey, Scenario
from domain.errors import Permanent
from domain.names import covers_all
from domain.resource import Binding, CertificateRef, Found, Page, Resource

PAGE_SIZE = 50
CLB_CALLS = 10.0  # a second; the same budget as that of alibaba.clb


class Sae(StoredConnector):
    """Certificates of gateway routes."""

    title = "Serverless App Engine (SAE), gateway routes"
    api = API
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (*SAE_PERMISSIONS, *clb.PERMISSIONS, *PERMISSIONS)
    queries_per_second = 5
    calls_per_change = 4.5
    propagation = timedelta(minutes=3)

    def prepare(self) -> None:
        """The routes, and the server certificates of those on CLB."""
        super().prepare()
        self.routes = SaeRoutes(self._settings, self.pace)
        load_balancers = Client(self._settings, clb.API, self.paces("alibaba.clb", CLB_CALLS))
        self.server_certificates = clb.ClbStore(load_balancers)

    def discover(self, page: str | None = None) -> Page:
        """The routes of ten namespaces a page, with what they serve."""
        return page_over(self._regions, page, PAGE_SIZE, self._in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the slot serves; None for a route that speaks HTTP."""
        return self._served(resource, self._bound(resource, self._route(resource)))

    def store(self, resource: Resource) -> str:
        """The region's own certificates on CLB, the certificate store on ALB."""
        if resource.detail["kind"] == CLB:
            return self.server_certificates.name(resource.region)
        return super().store(resource)

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Finds it in that store, or else uploads it."""
        if resource.detail["kind"] == CLB:
            return self.server_certificates.install(certificate, key, resource.region)
        return super().install(certificate, key, resource)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call: sets the certificate, or the list with this slot's one replaced."""
        if ref is None:
            raise Permanent("a route is not taken back to HTTP", code="AlwaysOn")
        if resource.detail["kind"] == CLB:
            change = {"CertId": _named(resource, ref)}
        else:
            present = identifiers(self._route(resource))
            replaced = self._replaced(resource, present, _named(resource, ref))
            if replaced == present:
                return
            change = {"CertIds": ",".join(replaced)}
        self.routes.update(resource.region, resource.detail["ingress"], change)

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether SAE shows the certificate."""
        if ref is None:
            return False
        row = self._route(resource)
        if resource.slot == "default":
            return self._bound(resource, row) == _named(resource, ref)
        return _named(resource, ref) in identifiers(row)[1:]

    def lock_key(self, resource: Resource) -> str:
        """The listener on ALB, the load balancer on CLB, as their own connectors lock them."""
        balancer = resource.detail["load_balancer"]
        if resource.detail["kind"] == CLB:
            return clb.lock(resource.region, balancer)
        return listener_lock(ALB, resource.region, balancer, resource.port)

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """Nobody has confirmed that a route goes back to HTTP."""
        if before is None:
            return "a route that got a certificate is not taken back to HTTP"
        return None if resource.detail["kind"] == CLB else super().not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists, and looks at one route; nothing is changed."""
        return missing([*self._probes(), *self.probe_store()])

    @cached_property
    def _regions(self) -> list[str]:
        return regions_of(self._settings, self.routes.regions)

    def _in_region(self, region: str, token: str | None) -> tuple[list[Found], str | None]:
        number = int(token or 1)
        namespaces, more = self.routes.namespaces(region, number)
        found = [
            slot
            for namespace in namespaces
            for row in self.routes.within(region, namespace)
            for slot in self._slots(region, row)
        ]
        return found, str(number + 1) if more else None

    def _slots(self, region: str, row: Row) -> Iterator[Found]:
        rules = hosts(tuple(str(rule.get("Domain") or "") for rule in row.get("Rules") or []))
        present = identifiers(row)
        added = slots(present[1:], self._names)
        taken = [name for slot in added for name in slot.domains]
        default = self._resource(region, row, "default", ())
        binding = self._served(default, present[0] if present else None)
        own = rules or (hosts(binding.names) if binding else ())
        left = tuple(name for name in own if not covers_all(taken, [name]))
        yield Found(
            resource=default.model_copy(update={"domains": left or own}),
            binding=binding,
            binding_known=True,
        )
        for slot in added:
            ruled = tuple(name for name in rules if covers_all(slot.domains, [name]))
            resource = self._resource(region, row, f"sni/{slot.called}", ruled or slot.domains)
            resource = resource.model_copy(update={"detail": {**resource.detail, **slot.ids()}})
            served = self._served(resource, slot.former)
            yield Found(resource=resource, binding=served, binding_known=True)

    def _resource(self, region: str, row: Row, slot: str, domains: tuple[str, ...]) -> Resource:
        detail = {
            "ingress": str(row["Id"]),
            "kind": kind(row),
            "load_balancer": str(row.get("SlbId") or ""),
        }
        return Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{row['Id']}/{slot}",
            region=region,
            domains=domains,
            slot=slot.partition("/")[0],
            port=int(row.get("ListenerPort") or 443),
            detail=detail,
        )

    def _route(self, resource: Resource) -> Row:
        return self.routes.one(resource.region, resource.detail["ingress"])

    def _bound(self, resource: Resource, row: Row) -> str | None:
        present = identifiers(row)
        if resource.slot == "default":
            return present[0] if present else None
        return current(Slot.of(resource), present[1:], self._names)

    def _served(self, resource: Resource, number: str | None) -> Binding | None:
        if resource.detail["kind"] == CLB:
            return self.server_certificates.served(number, resource.region)
        return self.served(number)

    def _replaced(self, resource: Resource, present: Sequence[str], wanted: str) -> list[str]:
        if resource.slot == "default":
            return [wanted, *(one for one in present[1:] if one != wanted)]
        slot, added = Slot.of(resource), list(present[1:])
        old = current(slot, added, self._names)
        after = [*added, *([] if wanted in added else [wanted])]
        if old is not None and old != wanted and may_go(slot, old, after, self._names):
            after.remove(old)
        return [*present[:1], *after]

    def _names(self, identifier: str) -> tuple[str, ...]:
        binding = self.served(identifier)
        return hosts(binding.names) if binding else ()

    def _probes(self) -> Iterator[Probe]:
        region = (*self._settings.regions, self._settings.site.region)[0]
        found: list[Row] = []
        yield "sae:DescribeRegions", self.routes.regions
        yield "sae:DescribeNamespaces", partial(self.routes.namespaces, region, 1)
        routes = self.routes.within(region, region)
        yield "sae:ListIngresses", lambda: found.extend(islice(routes, 1))
        for row in found:
            yield "sae:DescribeIngress", partial(self.routes.one, region, str(row["Id"]))
        listing = f"{clb.API.ram}:{clb.LIST}"
        yield listing, partial(self.server_certificates.rows, region)


def _named(resource: Resource, ref: CertificateRef) -> str:
    clb_or_alb = {CLB: "server_certificate_id", ALB: "identifier"}
    return ref.fields[clb_or_alb[resource.detail["kind"]]]
