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

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice
from typing import Any

from connectors.alibaba._api.account import Settings, Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.envelope import opened
from connectors.alibaba._api.regions import page_over, regions_of
from connectors.alibaba._bases import clb_store as clb
from connectors.alibaba._bases.additional_certificates import Slot, current, may_go, slots
from connectors.alibaba._bases.base import Probe, missing
from connectors.alibaba._bases.listeners import lock as listener_lock
from connectors.alibaba._bases.stored import StoredConnector, hosts
from connectors.alibaba._stores import cas
from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import covers_all
from domain.errors import Permanent
from domain.resources.connector import OpenKey, Pace, Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

API = Api(
    ram="sae",
    version="2019-05-06",
    hosts=dict.fromkeys(Site, "sae.{region}.aliyuncs.com"),
    style="ROA",
)
PATHS = {
    "DescribeRegions": "/pop/v1/paas/regionConfig",
    "DescribeNamespaces": "/pop/v1/paas/namespaces",
    "ListIngresses": "/pop/v1/sam/ingress/IngressList",
    "DescribeIngress": "/pop/v1/sam/ingress/Ingress",
    "UpdateIngress": "/pop/v1/sam/ingress/Ingress",
}
SAE_PERMISSIONS = tuple(f"{API.ram}:{action}" for action in PATHS)
NAMESPACES_PER_PAGE = 10
ROUTES_PER_PAGE = 50
ALB, CLB = "alb", "clb"

Row = dict[str, Any]


class SaeRoutes:
    """The routes of one account in all regions. Shared between threads."""

    def __init__(self, settings: Settings, pace: Pace | None = None) -> None:
        self.home = settings.site.region
        self._client = Client(settings, API, pace)

    def regions(self) -> list[str]:
        """The regions that SAE lists."""
        reply = self._call("DescribeRegions", self.home)
        return [row["RegionId"] for row in (reply.get("Regions") or {}).get("Region") or []]

    def namespaces(self, region: str, number: int) -> tuple[list[str], bool]:
        """Ids of ten namespaces, and whether there are more; the default one on the first page."""
        page = {"CurrentPage": number, "PageSize": NAMESPACES_PER_PAGE}
        data = _data(self._call("DescribeNamespaces", region, page))
        ids = [str(row["NamespaceId"]) for row in data.get("Namespaces") or []]
        more = number * NAMESPACES_PER_PAGE < int(data.get("TotalSize") or 0)
        return list(dict.fromkeys([*([region] if number == 1 else []), *ids])), more

    def within(self, region: str, namespace: str) -> Iterator[Row]:
        """The routes of a namespace that lie on ALB or CLB."""
        number = 0
        while True:
            number += 1
            page = {"CurrentPage": number, "PageSize": ROUTES_PER_PAGE}
            query = {"NamespaceId": namespace, **page}
            data = _data(self._call("ListIngresses", region, query))
            rows = data.get("IngressList") or []
            yield from (row for row in rows if kind(row))
            if not rows or number * ROUTES_PER_PAGE >= int(data.get("TotalSize") or 0):
                return

    def one(self, region: str, number: str) -> Row:
        """One route as it is now."""
        return _data(self._call("DescribeIngress", region, {"IngressId": number}))

    def update(self, region: str, number: str, fields: Mapping[str, str]) -> None:
        """Changes these fields of a route, and no others."""
        self._call("UpdateIngress", region, {"IngressId": number, **fields}, "PUT")

    def _call(
        self,
        action: str,
        region: str,
        query: Mapping[str, object] | None = None,
        method: str = "GET",
    ) -> Row:
        reply = self._client.call(action, query, method=method, path=PATHS[action], region=region)
        opened(reply, API, action)
        return reply


def kind(row: Row) -> str:
    """The load balancer of a route: "alb" or "clb"; empty for any other, e.g. MSE's gateways."""
    told = str(row.get("LoadBalanceType") or CLB).lower()
    return told if told in (ALB, CLB) and not row.get("MseGatewayId") else ""


def identifiers(row: Row) -> list[str]:
    """The certificates of a route, the default one first; none where it speaks HTTP."""
    if str(row.get("ListenerProtocol") or "HTTPS").upper() != "HTTPS":
        return []
    told = row.get("CertIds") if kind(row) == ALB else row.get("CertId")
    return [part.strip() for part in str(told or "").split(",") if part.strip()]


def _data(reply: Row) -> Row:
    return reply.get("Data") or {}


PAGE_SIZE = 50
CLB_CALLS = 10.0  # a second; the same budget as that of alibaba.clb


class Sae(StoredConnector):
    """Certificates of gateway routes."""

    title = "Serverless App Engine (SAE), gateway routes"
    api = API
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (*SAE_PERMISSIONS, *clb.PERMISSIONS, *cas.PERMISSIONS)
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
