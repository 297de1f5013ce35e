"""Serverless App Engine (SAE): gateway routes on ALB and on CLB, changed through SAE itself.

API: https://api.alibabacloud.com/document/sae/2019-05-06/UpdateIngress

What it serves: one certificate of the region's own store for a route on CLB, and a list of
certificates of the certificate store for a route on ALB.

How a certificate is bound: SAE manages the listeners of its routes and would undo a change that is
made directly at the load balancer. So `UpdateIngress` is called, for ALB with the whole list.
HTTP 200 is no success here: the envelope of the answer decides. SAE tells no state, so a change
has arrived as soon as SAE shows it.

Unconfirmed:
* The first certificate of the list is the default one.
* Fields that are not sent stay as they are.
* A route may go back to HTTP alone; so only updates are offered.

Limits: no rate limit and no propagation time is documented. Five calls a second and three minutes
are this project's own choice.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice
from typing import Any

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.envelope import open_envelope
from connectors.alibaba._api.regions import list_over_regions, list_regions
from connectors.alibaba._bases import clb_store as clb
from connectors.alibaba._bases.additional_certificates import (
    AdditionalSlot,
    build_slots,
    find_current,
    may_remove,
)
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.listeners import build_lock_key as listener_lock
from connectors.alibaba._bases.stored import StoredConnector, to_hostnames
from connectors.alibaba._stores import cas
from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import covers_all
from domain.errors import Permanent
from domain.resources.connector import CallRateLimit, OpenKey, Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

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

    def __init__(self, settings: AlibabaSettings, pace: CallRateLimit | None = None) -> None:
        self.home = settings.site.region
        self._client = Client(settings, API, pace)

    def list_regions(self) -> list[str]:
        """The regions that SAE lists."""
        reply = self._call("DescribeRegions", self.home)
        return [row["RegionId"] for row in (reply.get("Regions") or {}).get("Region") or []]

    def list_namespaces(self, region: str, number: int) -> tuple[list[str], bool]:
        """Ids of ten namespaces, and whether there are more; the default one on the first page."""
        page = {"CurrentPage": number, "PageSize": NAMESPACES_PER_PAGE}
        data = _get_data(self._call("DescribeNamespaces", region, page))
        ids = [str(row["NamespaceId"]) for row in data.get("Namespaces") or []]
        more = number * NAMESPACES_PER_PAGE < int(data.get("TotalSize") or 0)
        return list(dict.fromkeys([*([region] if number == 1 else []), *ids])), more

    def list_routes(self, region: str, namespace: str) -> Iterator[Row]:
        """The routes of a namespace on ALB or CLB."""
        number = 0
        while True:
            number += 1
            page = {"CurrentPage": number, "PageSize": ROUTES_PER_PAGE}
            query = {"NamespaceId": namespace, **page}
            data = _get_data(self._call("ListIngresses", region, query))
            rows = data.get("IngressList") or []
            yield from (row for row in rows if get_kind(row))
            if not rows or number * ROUTES_PER_PAGE >= int(data.get("TotalSize") or 0):
                return

    def get_route(self, region: str, number: str) -> Row:
        """One route as it is now."""
        return _get_data(self._call("DescribeIngress", region, {"IngressId": number}))

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
        open_envelope(reply, API, action)
        return reply


def get_kind(row: Row) -> str:
    """The load balancer of a route: "alb" or "clb"; empty for any other, e.g. MSE's gateways."""
    balancer = str(row.get("LoadBalanceType") or CLB).lower()
    return balancer if balancer in (ALB, CLB) and not row.get("MseGatewayId") else ""


def list_identifiers(row: Row) -> list[str]:
    """The certificates of a route, the default one first; none where it speaks HTTP."""
    if str(row.get("ListenerProtocol") or "HTTPS").upper() != "HTTPS":
        return []
    text = row.get("CertIds") if get_kind(row) == ALB else row.get("CertId")
    return [part.strip() for part in str(text or "").split(",") if part.strip()]


def _get_data(reply: Row) -> Row:
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
        self.routes = SaeRoutes(self._settings, self.rate_limit)
        load_balancers = Client(self._settings, clb.API, self.rate_limits("alibaba.clb", CLB_CALLS))
        self.server_certificates = clb.ClbStore(load_balancers)

    def discover(self, page: str | None = None) -> Page:
        """The routes of ten namespaces a page, with what they serve."""
        return list_over_regions(self._regions, page, PAGE_SIZE, self._list_in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the slot serves; None for a route that speaks HTTP."""
        return self._get_slot_binding(
            resource, self._find_identifier(resource, self._get_route(resource))
        )

    def store_name(self, resource: Resource) -> str:
        """The region's own certificates on CLB, the certificate store on ALB."""
        if resource.detail["kind"] == CLB:
            return self.server_certificates.build_name(resource.region)
        return super().store_name(resource)

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """Finds it in that store, else uploads it."""
        if resource.detail["kind"] == CLB:
            return self.server_certificates.install(certificate, key, resource.region)
        return super().install(certificate, key, resource)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call: sets the certificate, or the list with this slot's one replaced."""
        if ref is None:
            raise Permanent("switching HTTPS off is not offered for routes", code="AlwaysOn")
        if resource.detail["kind"] == CLB:
            change = {"CertId": _get_identifier(resource, ref)}
        else:
            present = list_identifiers(self._get_route(resource))
            replaced = self._build_list(resource, present, _get_identifier(resource, ref))
            if replaced == present:
                return
            change = {"CertIds": ",".join(replaced)}
        self.routes.update(resource.region, resource.detail["ingress"], change)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether SAE shows the certificate."""
        if ref is None:
            return False
        row = self._get_route(resource)
        if resource.slot == "default":
            return self._find_identifier(resource, row) == _get_identifier(resource, ref)
        return _get_identifier(resource, ref) in list_identifiers(row)[1:]

    def get_lock_key(self, resource: Resource) -> str:
        """The listener on ALB, the load balancer on CLB, as their own connectors lock them."""
        balancer = resource.detail["load_balancer"]
        if resource.detail["kind"] == CLB:
            return clb.build_lock_key(resource.region, balancer)
        return listener_lock(ALB, resource.region, balancer, resource.port)

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A rollback to HTTP is unconfirmed."""
        if before is None:
            return "it has no HTTPS now, and SAE may not allow it to be switched off"
        return (
            None
            if resource.detail["kind"] == CLB
            else super().explain_not_reversible(resource, before)
        )

    def check(self) -> list[str]:
        """Reads one route; changes nothing."""
        return list_missing_permissions([*self._list_probes(), *self.list_store_probes()])

    @cached_property
    def _regions(self) -> list[str]:
        return list_regions(self._settings, self.routes.list_regions)

    def _list_in_region(
        self, region: str, token: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        number = int(token or 1)
        namespaces, more = self.routes.list_namespaces(region, number)
        found = [
            slot
            for namespace in namespaces
            for row in self.routes.list_routes(region, namespace)
            for slot in self._build_slots(region, row)
        ]
        return found, str(number + 1) if more else None

    def _build_slots(self, region: str, row: Row) -> Iterator[DiscoveredResource]:
        rules = to_hostnames(
            tuple(str(rule.get("Domain") or "") for rule in row.get("Rules") or [])
        )
        present = list_identifiers(row)
        added = build_slots(present[1:], self._get_names)
        taken = [name for slot in added for name in slot.domains]
        default = self._build_resource(region, row, "default", ())
        binding = self._get_slot_binding(default, present[0] if present else None)
        own = rules or (to_hostnames(binding.names) if binding else ())
        left = tuple(name for name in own if not covers_all(taken, [name]))
        yield DiscoveredResource(
            resource=default.model_copy(update={"domains": left or own}),
            binding=binding,
            binding_known=True,
        )
        for slot in added:
            ruled = tuple(name for name in rules if covers_all(slot.domains, [name]))
            resource = self._build_resource(region, row, f"sni/{slot.name}", ruled or slot.domains)
            resource = resource.model_copy(
                update={"detail": {**resource.detail, **slot.to_detail()}}
            )
            served = self._get_slot_binding(resource, slot.former)
            yield DiscoveredResource(resource=resource, binding=served, binding_known=True)

    def _build_resource(
        self, region: str, row: Row, slot: str, domains: tuple[str, ...]
    ) -> Resource:
        detail = {
            "ingress": str(row["Id"]),
            "kind": get_kind(row),
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

    def _get_route(self, resource: Resource) -> Row:
        return self.routes.get_route(resource.region, resource.detail["ingress"])

    def _find_identifier(self, resource: Resource, row: Row) -> str | None:
        present = list_identifiers(row)
        if resource.slot == "default":
            return present[0] if present else None
        return find_current(AdditionalSlot.from_resource(resource), present[1:], self._get_names)

    def _get_slot_binding(self, resource: Resource, number: str | None) -> Binding | None:
        if resource.detail["kind"] == CLB:
            return self.server_certificates.get_binding(number, resource.region)
        return self.get_binding(number)

    def _build_list(self, resource: Resource, present: Sequence[str], wanted: str) -> list[str]:
        if resource.slot == "default":
            return [wanted, *(one for one in present[1:] if one != wanted)]
        slot, added = AdditionalSlot.from_resource(resource), list(present[1:])
        old = find_current(slot, added, self._get_names)
        after = [*added, *([] if wanted in added else [wanted])]
        if old is not None and old != wanted and may_remove(slot, old, after, self._get_names):
            after.remove(old)
        return [*present[:1], *after]

    def _get_names(self, identifier: str) -> tuple[str, ...]:
        binding = self.get_binding(identifier)
        return to_hostnames(binding.names) if binding else ()

    def _list_probes(self) -> Iterator[Probe]:
        region = (*self._settings.regions, self._settings.site.region)[0]
        found: list[Row] = []
        yield "sae:DescribeRegions", self.routes.list_regions
        yield "sae:DescribeNamespaces", partial(self.routes.list_namespaces, region, 1)
        routes = self.routes.list_routes(region, region)
        yield "sae:ListIngresses", lambda: found.extend(islice(routes, 1))
        for row in found:
            yield "sae:DescribeIngress", partial(self.routes.get_route, region, str(row["Id"]))
        listing = f"{clb.API.ram}:{clb.LIST}"
        yield listing, partial(self.server_certificates.list_rows, region)


def _get_identifier(resource: Resource, ref: CertificateRef) -> str:
    clb_or_alb = {CLB: "server_certificate_id", ALB: "identifier"}
    return ref.fields[clb_or_alb[resource.detail["kind"]]]
