"""Function Compute, versions 3.0 and 2.0: each custom domain serves one certificate, given as PEM.

API: https://api.alibabacloud.com/document/FC/2023-03-30/UpdateCustomDomain and
https://api.alibabacloud.com/document/FC-Open/2021-04-06/UpdateCustomDomain

What it serves: one certificate for each custom domain. Each version has its own domains and hosts;
their operations are alike.

How a certificate is bound: `UpdateCustomDomain` takes certificate and key as PEM. Protocol and TLS
settings are read and sent back with the change.

Unconfirmed:
* Settings that are not sent (routes, firewall, sign-in) stay as they are.
* EC keys are accepted in their older form; RSA keys are accepted in no other.
* A domain may go back to HTTP alone; so no certificate is removed.
* The meaning of the two codes of `RULES`.
* The hosts of version 2.0; the official ones hold an account's number.

Limits: no rate limit and no propagation time is documented. Five calls a second and five minutes
are this project's own choice.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.regions import list_over_regions
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.pem import PemConnector, is_serving
from domain.certificates.hostnames import to_canonical
from domain.errors import Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

PAGE_SIZE = 100
V3, V2 = "3.0", "2.0"
DATES = {V3: "2023-03-30", V2: "2021-04-06"}
RULES = (ErrorRule("ConcurrentUpdateError", Transient), ErrorRule("ResourceThrottled", Transient))
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


def _build_api(version: str, host: str) -> Api:
    hosts = dict.fromkeys(Site, host)
    return Api(ram="fc", version=DATES[version], hosts=hosts, style="ROA", rules=RULES)


class FunctionCompute(PemConnector):
    """Custom domains of functions."""

    title = "Function Compute (FC), custom domains"
    api = _build_api(V3, "fcv3.{region}.aliyuncs.com")
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
            (V3, True): Client(self._settings, _build_api(V3, own_host), self.rate_limit),
            (V2, False): Client(
                self._settings, _build_api(V2, "fc.{region}.aliyuncs.com"), self.rate_limit
            ),
            (V2, True): Client(self._settings, _build_api(V2, own_host), self.rate_limit),
        }

    def discover(self, page: str | None = None) -> Page:
        """100 domains of a region and version a page, with what they serve."""
        return list_over_regions(self._list_scopes(), page, PAGE_SIZE, self._list_in_scope)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it speaks HTTP only."""
        return self._to_binding(self._get_domain(resource))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Sends certificate and key; all else stays as it is. None raises Permanent."""
        if ref is None:
            raise Permanent("switching HTTPS off is not offered for functions", code="AlwaysOn")
        row, pem = self._get_domain(resource), self.open_pem(ref)
        protocol = str(row.get("protocol") or "HTTP")
        body: Row = {
            "certConfig": {"certName": pem.name, "certificate": pem.chain, "privateKey": pem.key},
            "protocol": protocol if "HTTPS" in protocol else "HTTP,HTTPS",
        }
        if row.get("tlsConfig"):
            body["tlsConfig"] = row["tlsConfig"]
        self._call(
            "UpdateCustomDomain", "PUT", _get_scope(resource), _build_path(resource), body=body
        )

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        return ref is not None and is_serving(_get_certificate(self._get_domain(resource)), ref)

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """Only a certificate of ours can be restored, and HTTP alone cannot."""
        if before is None:
            return "it has no HTTPS now, and Function Compute may not allow it to be switched off"
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists domains of both versions and reads one; setting is not tried."""
        return list_missing_permissions(self._list_probes())

    def _list_scopes(self) -> list[str]:
        regions = self._settings.regions or (*BOTH, *ONLY_V3)
        return [
            f"{region}@{version}"
            for region in regions
            for version in (V3, V2)
            if version == V3 or region not in ONLY_V3
        ]

    def _list_in_scope(
        self, scope: str, token: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        reply = self._get_page(scope, token, PAGE_SIZE)
        found = [self._build_found(scope, row) for row in reply.get("customDomains") or []]
        return found, reply.get("nextToken") or None

    def _get_page(self, scope: str, token: str | None, size: int) -> Row:
        query = {"limit": size, "nextToken": token}
        return self._call("ListCustomDomains", "GET", scope, "", query=query)

    def _build_found(self, scope: str, row: Row) -> DiscoveredResource:
        region, _, version = scope.partition("@")
        domain = str(row["domainName"])
        name = to_canonical(domain)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{domain}" if version == V3 else f"{region}/{version}/{domain}",
            region=region,
            domains=(name,) if name else (),
            detail={"domain": domain, "version": version},
        )
        return DiscoveredResource(
            resource=resource, binding=self._to_binding(row), binding_known=True
        )

    def _to_binding(self, row: Row) -> Binding | None:
        certificate = _get_certificate(row)
        if certificate is None:
            return None
        return self.to_binding(certificate, row["certConfig"].get("certName") or None)

    def _get_domain(self, resource: Resource) -> Row:
        return self._call("GetCustomDomain", "GET", _get_scope(resource), _build_path(resource))

    def _call(self, action: str, method: str, scope: str, path: str, **more: Row) -> Row:
        region, _, version = scope.partition("@")
        client = self._clients[version, region in OWN_HOSTS]
        path = f"/{DATES[version]}/custom-domains{path}"
        return client.call(action, method=method, path=path, region=region, **more)

    def _list_probes(self) -> Iterator[Probe]:
        region = next(iter(self._settings.regions), self._settings.site.region)
        rows: list[Row] = []
        for version in (V3, V2):
            scope = f"{region}@{version}"
            yield "fc:ListCustomDomains", partial(self._list_into, rows, scope)
            for row in rows[:1]:
                path = f"/{quote(row['domainName'], safe='')}"
                yield (
                    "fc:GetCustomDomain",
                    partial(self._call, "GetCustomDomain", "GET", scope, path),
                )
            rows.clear()

    def _list_into(self, rows: list[Row], scope: str) -> None:
        rows += self._get_page(scope, None, 1).get("customDomains") or []


def _get_certificate(row: Row) -> str | None:
    """The PEM that a domain serves; None where it speaks HTTP only."""
    if "HTTPS" not in str(row.get("protocol")):
        return None
    return str((row.get("certConfig") or {}).get("certificate") or "") or None


def _get_scope(resource: Resource) -> str:
    return f"{resource.region}@{resource.detail['version']}"


def _build_path(resource: Resource) -> str:
    return f"/{quote(resource.detail['domain'], safe='')}"
