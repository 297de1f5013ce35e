"""Function Compute, versions 3.0 and 2.0: each custom domain serves one certificate, given as PEM.

Both versions have domains of their own and speak alike, at hosts of their own. Protocol and TLS
settings are read and sent back with a change.

Unconfirmed, and kept here only: that settings not sent (routes, firewall, sign-in) stay as they
are, that EC keys are taken in their older form (RSA keys are taken in no other), that a domain may
go back to HTTP alone (so none is taken there), what the two codes of `RULES` are, and the hosts of
version 2.0, whose official ones hold an account's number. Not documented: the limit of calls (five
a second is this project's own choice) and how long gateways take (five minutes, likewise).
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._api.regions import page_over
from connectors.alibaba._bases.base import Probe, missing
from connectors.alibaba._bases.pem import PemConnector, serves
from domain.certificates.hostnames import canonical
from domain.errors import Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

PAGE_SIZE = 100
V3, V2 = "3.0", "2.0"
DATES = {V3: "2023-03-30", V2: "2021-04-06"}
RULES = (Rule("ConcurrentUpdateError", Transient), Rule("ResourceThrottled", Transient))
OWN_HOSTS = ("me-central-1", "cn-hangzhou-finance", "cn-shanghai-finance-1", "cn-heyuan-acdr-1")
"""Regions whose host is named the other way round."""
BOTH = (
    "cn-hangzhou",
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-qingdao",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-chengdu",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-northeast-1",
    "ap-south-1",
    "us-east-1",
    "us-west-1",
    "eu-west-1",
    "eu-central-1",
)
"""Public regions that the official clients of both versions list."""
ONLY_V3 = ("cn-wulanchabu", "ap-northeast-2", "ap-southeast-7", "me-central-1")

Row = dict[str, Any]


def _api(version: str, host: str) -> Api:
    hosts = dict.fromkeys(Site, host)
    return Api(ram="fc", version=DATES[version], hosts=hosts, style="ROA", rules=RULES)


class FunctionCompute(PemConnector):
    """Custom domains of functions."""

    title = "Function Compute (FC), custom domains"
    api = _api(V3, "fcv3.{region}.aliyuncs.com")
    scenarios = frozenset({Scenario.UPDATE})
    permissions = ("fc:ListCustomDomains", "fc:GetCustomDomain", "fc:UpdateCustomDomain")
    queries_per_second = 5
    listing_tells_all = True
    calls_per_change = 4
    propagation = timedelta(minutes=5)

    def prepare(self) -> None:
        """Two versions, each on two kinds of hosts."""
        super().prepare()
        own_host = "{region}.fc.aliyuncs.com"
        self._clients = {
            (V3, False): self.client,
            (V3, True): Client(self._settings, _api(V3, own_host), self.pace),
            (V2, False): Client(self._settings, _api(V2, "fc.{region}.aliyuncs.com"), self.pace),
            (V2, True): Client(self._settings, _api(V2, own_host), self.pace),
        }

    def discover(self, page: str | None = None) -> Page:
        """100 domains of a region and version a page, with what they serve."""
        return page_over(self._places(), page, PAGE_SIZE, self._in_place)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it speaks HTTP only."""
        return self._binding(self._domain(resource))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Sends certificate and key; all else stays as it is. None raises Permanent."""
        if ref is None:
            raise Permanent("switching HTTPS off is not offered for functions", code="AlwaysOn")
        row, pem = self._domain(resource), self.opened(ref)
        protocol = str(row.get("protocol") or "HTTP")
        body: Row = {
            "certConfig": {"certName": pem.name, "certificate": pem.chain, "privateKey": pem.key},
            "protocol": protocol if "HTTPS" in protocol else "HTTP,HTTPS",
        }
        if row.get("tlsConfig"):
            body["tlsConfig"] = row["tlsConfig"]
        self._call("UpdateCustomDomain", "PUT", _place(resource), _path(resource), body=body)

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        return ref is not None and serves(_certificate(self._domain(resource)), ref)

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """Only a certificate of ours can be restored, and HTTP alone cannot."""
        if before is None:
            return "Function Compute has no confirmed way back from HTTPS to HTTP"
        return super().not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists domains of both versions and reads one; setting is not tried."""
        return missing(self._probes())

    def _places(self) -> list[str]:
        regions = self._settings.regions or (*BOTH, *ONLY_V3)
        return [
            f"{region}@{version}"
            for region in regions
            for version in (V3, V2)
            if version == V3 or region not in ONLY_V3
        ]

    def _in_place(self, place: str, token: str | None) -> tuple[list[Found], str | None]:
        reply = self._page(place, token, PAGE_SIZE)
        found = [self._found(place, row) for row in reply.get("customDomains") or []]
        return found, reply.get("nextToken") or None

    def _page(self, place: str, token: str | None, size: int) -> Row:
        query = {"limit": size, "nextToken": token}
        return self._call("ListCustomDomains", "GET", place, "", query=query)

    def _found(self, place: str, row: Row) -> Found:
        region, _, version = place.partition("@")
        domain = str(row["domainName"])
        name = canonical(domain)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{domain}" if version == V3 else f"{region}/{version}/{domain}",
            region=region,
            domains=(name,) if name else (),
            detail={"domain": domain, "version": version},
        )
        return Found(resource=resource, binding=self._binding(row), binding_known=True)

    def _binding(self, row: Row) -> Binding | None:
        certificate = _certificate(row)
        if certificate is None:
            return None
        return self.shown(certificate, row["certConfig"].get("certName") or None)

    def _domain(self, resource: Resource) -> Row:
        return self._call("GetCustomDomain", "GET", _place(resource), _path(resource))

    def _call(self, action: str, method: str, place: str, path: str, **more: Row) -> Row:
        region, _, version = place.partition("@")
        client = self._clients[version, region in OWN_HOSTS]
        path = f"/{DATES[version]}/custom-domains{path}"
        return client.call(action, method=method, path=path, region=region, **more)

    def _probes(self) -> Iterator[Probe]:
        region = next(iter(self._settings.regions), self._settings.site.region)
        rows: list[Row] = []
        for version in (V3, V2):
            place = f"{region}@{version}"
            yield "fc:ListCustomDomains", partial(self._list_into, rows, place)
            for row in rows[:1]:
                path = f"/{quote(row['domainName'], safe='')}"
                yield (
                    "fc:GetCustomDomain",
                    partial(self._call, "GetCustomDomain", "GET", place, path),
                )
            rows.clear()

    def _list_into(self, rows: list[Row], place: str) -> None:
        rows += self._page(place, None, 1).get("customDomains") or []


def _certificate(row: Row) -> str | None:
    """The PEM that a domain serves; None where it speaks HTTP only."""
    if "HTTPS" not in str(row.get("protocol")):
        return None
    return str((row.get("certConfig") or {}).get("certificate") or "") or None


def _place(resource: Resource) -> str:
    return f"{resource.region}@{resource.detail['version']}"


def _path(resource: Resource) -> str:
    return f"/{quote(resource.detail['domain'], safe='')}"
