"""Serverless App Engine: namespaces, and gateway routes on ALB or CLB.

The edge answers a route's host with the last certificate of its list that is for the name, else
with the first. The load balancers' own APIs know nothing of these routes here. A namespace comes
with its own keys, as in reality.

Unconfirmed against the real cloud: that choice, and the codes inside the envelope for a route or a
certificate that does not exist.
"""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from sandbox.certificates import covers, read_facts
from sandbox.cloud import Cloud
from sandbox.http import Reply
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import ServiceCall, build_json_reply
from sandbox.services._clb_certificates import get_server_certificates
from sandbox.services._identified import find_binding, to_edge_names
from sandbox.services._regions import REGIONS, list_regions
from sandbox.services._roa import RoaService, route
from sandbox.state import Table

INGRESS = "/pop/v1/sam/ingress/Ingress"


@dataclass
class Route:
    """One gateway route; `certificates` as SAE writes them, one for CLB, several for ALB."""

    id: int
    account: str
    region: str
    namespace: str
    kind: str
    load_balancer: str
    port: int
    protocol: str
    domains: list[str]
    hosts: list[str]
    certificates: list[str] = field(default_factory=list)


class Sae(RoaService):
    """API version 2019-05-06."""

    product = "sae"
    version = "2019-05-06"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._table = Table(cloud.journal, "sae_routes", Route)
        self._seeds = {_build_seed_key(row) for row in self._table}
        self._certificates = get_server_certificates(cloud)
        cloud.users.append(self._is_used)

    def build_success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """The envelope, whose code alone tells success from failure."""
        envelope = {"Code": "200", "Message": "success", "Success": True, "TraceId": request_id}
        if "Regions" in fields:
            del envelope["Success"], envelope["TraceId"]
        return build_json_reply(200, {"RequestId": request_id, **envelope, **fields})

    def _is_used(self, account: str, number: str) -> bool:
        rows = (row for row in self._table if row.account == account)
        return any(number in row.certificates for row in rows)

    @route("GET", "/pop/v1/paas/regionConfig", "DescribeRegions")
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"Regions": {"Region": list_regions(self.product)}}

    @route("GET", "/pop/v1/paas/namespaces", "DescribeNamespaces")
    def list_namespaces(self, call: ServiceCall) -> dict[str, Any]:
        """One page of namespaces, the default one not among them."""
        call.params.require("CurrentPage")
        owner = call.account.access_key_id
        names = dict.fromkeys(
            row.namespace
            for row in self._table
            if (row.account, row.region) == (owner, call.region) and row.namespace != call.region
        )
        shown, paging = _cut_page(call, list(names))
        return {
            "Data": {"Namespaces": [_to_namespace(one, call.region) for one in shown], **paging}
        }

    @route("GET", f"{INGRESS}List", "ListIngresses", "NamespaceId")
    def list_routes(self, call: ServiceCall) -> dict[str, Any]:
        """One page of a namespace's routes."""
        namespace = call.params.require("NamespaceId")
        owner = (call.account.access_key_id, call.region)
        own = [row for row in self._table if (row.account, row.region) == owner]
        shown, paging = _cut_page(call, [row for row in own if row.namespace == namespace])
        listed = [{**_to_route(row), "ListenerPort": str(row.port)} for row in shown]
        return {"Data": {"IngressList": listed, **paging}}

    @route("GET", INGRESS, "DescribeIngress", "IngressId")
    def describe(self, call: ServiceCall) -> dict[str, Any]:
        """One route."""
        row = self._find_row(call)
        return _build_refusal("IngressNotFound") if row is None else {"Data": _to_route(row)}

    @route("PUT", INGRESS, "UpdateIngress", "IngressId")
    def update(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the certificates of a route; what is not sent stays as it is."""
        row = self._find_row(call)
        if row is None:
            return _build_refusal("IngressNotFound")
        wanted = call.params.require("CertId" if row.kind == "clb" else "CertIds").split(",")
        bindings = [self._find_binding(call.account, row, one) for one in wanted]
        if not all(bindings):
            return _build_refusal("CertificateNotFound")
        row.certificates, row.protocol = wanted, call.params.get("ListenerProtocol", row.protocol)
        self._table.save(str(row.id), row)
        for host in row.hosts:
            slot = self.cloud.resources.get(self.product, row.account, f"{row.id}/{host}")
            chosen = _choose_binding([one for one in bindings if one], self.cloud, host)
            if slot and not (slot.binding and slot.binding["material"] == chosen["material"]):
                self.cloud.resources.bind(slot, chosen, unserved=call.unserved)
        return {"Data": {"IngressId": row.id}}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"routes": [{"domains": [name], "certificates": [{"pem", "key"}], ...}]}`.

        Besides, if need be: "kind" ("alb" or "clb"), "namespace", "region", "load_balancer",
        "port". A route without certificates speaks HTTP. With `keep` a route stays as it is where
        the same load balancer has one for the same domains.
        """
        for one in entry["routes"]:
            if not (keep_existing and self._exists(account, one)):
                self._seed_one(account, one)
        return len(entry["routes"])

    def _exists(self, account: SandboxAccount, one: dict[str, Any]) -> bool:
        key = account.access_key_id, one.get("load_balancer"), (*one["domains"],)
        return key in self._seeds

    def _seed_one(self, account: SandboxAccount, one: dict[str, Any]) -> None:
        owner, region = account.access_key_id, one.get("region", account.region)
        kind, given = one.get("kind", "alb"), one.get("certificates", [])
        if region not in REGIONS or kind not in ("alb", "clb"):
            raise ValueError(f"there is no region {region}, or no kind of balancer {kind}")
        row = Route(
            id=self.cloud.counters.next("sae_route", 1001),
            account=owner,
            region=region,
            namespace=one.get("namespace", region),
            kind=kind,
            load_balancer=one.get("load_balancer") or f"{kind}-{uuid.uuid4().hex[:12]}",
            port=int(one.get("port", 443)),
            protocol="HTTPS" if given else "HTTP",
            domains=list(one["domains"]),
            hosts=to_edge_names(tuple(one["domains"])),
        )
        for each in given:
            if kind == "clb":
                put = self._certificates.put(owner, region, each["pem"], each["key"])
                row.certificates.append(put.id)
            else:
                stored = self.cloud.certificates.put(owner, each["pem"], each["key"])
                row.certificates.append(f"{stored.id}-{account.region}")
        self._table.save(str(row.id), row)
        self._seeds.add(_build_seed_key(row))
        bindings = [self._find_binding(account, row, number) for number in row.certificates]
        for host in row.hosts:
            slot = SandboxResource(self.product, owner, f"{row.id}/{host}", [host], time.time())
            if bindings:
                slot.binding = _choose_binding([b for b in bindings if b], self.cloud, host)
            self.cloud.resources.add(slot)

    def _find_row(self, call: ServiceCall) -> Route | None:
        row = self._table.get(call.params.require("IngressId"))
        owner = (call.account.access_key_id, call.region)
        return row if row and (row.account, row.region) == owner else None

    def _find_binding(
        self, account: SandboxAccount, row: Route, number: str
    ) -> SandboxBinding | None:
        if row.kind == "alb":
            return find_binding(self.cloud, account, number)
        found = self._certificates.get(row.account, row.region, number)
        return found.binding if found else None


SERVICE = Sae


def _build_seed_key(row: Route) -> tuple[str, str | None, tuple[str, ...]]:
    """What tells one seeded route from another."""
    return row.account, row.load_balancer, (*row.domains,)


def _choose_binding(bindings: list[SandboxBinding], cloud: Cloud, host: str) -> SandboxBinding:
    first, *others = bindings
    for one in reversed(others):
        if covers(read_facts(cloud.resources.get_material(one["material"]).pem).names, host):
            return one
    return first


def _cut_page(call: ServiceCall, rows: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    number = call.params.get_number("CurrentPage", 1, high=100_000)
    size = call.params.get_number("PageSize", 10, high=10_000)
    paging = {"CurrentPage": number, "PageSize": size, "TotalSize": len(rows)}
    return rows[(number - 1) * size : number * size], paging


def _build_refusal(code: str) -> dict[str, Any]:
    message = "It does not exist."
    return {"Code": "400", "ErrorCode": code, "Message": message, "Success": False}


def _to_namespace(name: str, region: str) -> dict[str, Any]:
    return {
        "NamespaceId": name,
        "NamespaceName": name.rpartition(":")[2],
        "RegionId": region,
        "TenantId": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "AccessKey": "namespace-access-key",
        "SecretKey": "namespace-secret-key",
    }


def _to_route(row: Route) -> dict[str, Any]:
    clb = row.kind == "clb"
    return {
        "Id": row.id,
        "Name": f"{row.load_balancer}-{row.port}",
        "NamespaceId": row.namespace,
        "LoadBalanceType": row.kind,
        "SlbId": row.load_balancer,
        "SlbType": "internet",
        "ListenerPort": row.port,
        "ListenerProtocol": row.protocol,
        "CertId": ",".join(row.certificates) if clb else "",
        "CertIds": "" if clb else ",".join(row.certificates),
        "Rules": [{"Domain": name, "Path": "/"} for name in row.domains],
    }
