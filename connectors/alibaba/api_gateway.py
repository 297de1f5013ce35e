"""API Gateway (the traditional one): each domain of an API group serves one certificate.

API: https://api.alibabacloud.com/document/CloudAPI/2016-07-14/SetDomainCertificate

What it serves: one certificate for each domain that is bound to an API group.

How a certificate is bound: `SetDomainCertificate` takes PEM only. The private key travels in the
query of the call, as the operation is documented. The service shows the certificate of a domain,
which is how the certificate is recognized.

Unconfirmed: whether a change that does not send the settings for client certificates keeps them.
The plan warns where a domain has such settings.

Limits: no rate limit and no propagation time is documented. Five calls a second and five minutes
are this project's own choice.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.regions import list_over_regions, list_regions
from connectors.alibaba._api.tags import to_tags
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.pem import PemConnector, is_serving
from domain.certificates.hostnames import to_canonical
from domain.errors import Transient
from domain.resources.connector import ChangeWarning, Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

GROUPS_PER_PAGE = 10
PAGE_SIZE = 50
BOUND = "BINDING"  # as documented: "BOUND" is what is not bound

Row = dict[str, Any]


class ApiGateway(PemConnector):
    """Domains of API groups."""

    title = "API Gateway (traditional)"
    api = Api(
        ram="apigateway",
        version="2016-07-14",
        hosts=dict.fromkeys(Site, "apigateway.{region}.aliyuncs.com"),
        rules=(ErrorRule("RepeatedCommit", Transient),),
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "apigateway:DescribeRegions",
        "apigateway:DescribeApiGroups",
        "apigateway:DescribeApiGroup",
        "apigateway:DescribeDomain",
        "apigateway:SetDomainCertificate",
        "apigateway:DeleteDomainCertificate",
    )
    queries_per_second = 5
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """The domains of ten groups of a region a page; only `read` tells what they serve."""
        return list_over_regions(self._regions, page, PAGE_SIZE, self._list_in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it has no certificate."""
        row = self._get_domain(resource)
        if not row.get("CertificateId"):
            return None
        return self.to_binding(row.get("CertificateBody") or "", row.get("CertificateName") or None)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Sends certificate and key, or takes the present certificate away."""
        if ref is None:
            self._remove_certificate(resource)
            return
        pem = self.open_pem(ref)
        given = {
            "CertificateName": pem.name,
            "CertificateBody": pem.chain,
            "CertificatePrivateKey": pem.key,
        }
        self._call("SetDomainCertificate", resource.region, {**_build_ids(resource), **given})

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate, or none, as the domain's own."""
        row = self._get_domain(resource)
        if ref is None:
            return not row.get("CertificateId")
        return is_serving(row.get("CertificateBody"), ref)

    def list_warnings(
        self, resource: Resource, before: Binding | None
    ) -> tuple[ChangeWarning, ...]:
        """Whether it asks clients for certificates, whose settings a change may reset."""
        if resource.detail.get("asks_clients") != "yes":
            return ()
        text = (
            "it asks clients for certificates of their own: check that it still does afterwards, "
            "for nobody has confirmed that a new certificate leaves those settings alone"
        )
        return (ChangeWarning(code="client-certificates", text=text),)

    def check(self) -> list[str]:
        """Lists regions and groups, and reads one domain; nothing is changed."""
        return list_missing_permissions(self._list_probes())

    @cached_property
    def _regions(self) -> list[str]:
        return list_regions(self._settings, self._list_regions)

    def _list_regions(self) -> list[str]:
        reply = self._call("DescribeRegions", self._settings.site.region, {})
        return [one["RegionId"] for one in (reply.get("Regions") or {}).get("Region") or []]

    def _list_in_region(
        self, region: str, page: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        number = int(page or 1)
        reply = self._get_groups_page(region, number, GROUPS_PER_PAGE)
        found = [
            self._build_found(region, group, row)
            for group in _get_groups(reply)
            for row in self._list_domains(region, group["GroupId"])
        ]
        more = number * GROUPS_PER_PAGE < int(reply.get("TotalCount") or 0)
        return found, str(number + 1) if more else None

    def _build_found(self, region: str, of: Row, row: Row) -> DiscoveredResource:
        group, domain = str(of["GroupId"]), str(row["DomainName"])
        name = to_canonical(domain)
        asks = {"asks_clients": "yes"} if int(row.get("SslVerifyDepth") or 0) else {}
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{group}/{domain}",
            region=region,
            domains=(name,) if name else (),
            state=_get_state(row),
            detail={"group": group, "domain": domain, **asks},
        )
        return DiscoveredResource(
            resource=resource,
            binding_known=not row.get("CertificateId"),
            tags=to_tags((of.get("Tags") or {}).get("TagInfo")),
        )

    def _get_domain(self, resource: Resource) -> Row:
        return self._call("DescribeDomain", resource.region, _build_ids(resource))

    def _remove_certificate(self, resource: Resource) -> None:
        number = self._get_domain(resource).get("CertificateId")
        if number:
            query = {**_build_ids(resource), "CertificateId": number}
            self._call("DeleteDomainCertificate", resource.region, query)

    def _get_groups_page(self, region: str, number: int, size: int) -> Row:
        return self._call("DescribeApiGroups", region, {"PageNumber": number, "PageSize": size})

    def _list_domains(self, region: str, group: str) -> list[Row]:
        reply = self._call("DescribeApiGroup", region, {"GroupId": group})
        return (reply.get("CustomDomains") or {}).get("DomainItem") or []

    def _call(self, action: str, region: str, query: Row) -> Row:
        return self.client.call(action, query, region=region)

    def _list_probes(self) -> Iterator[Probe]:
        yield "apigateway:DescribeRegions", self._list_regions
        region = next(iter(self._settings.regions), self._settings.site.region)
        groups: list[str] = []
        yield (
            "apigateway:DescribeApiGroups",
            lambda: groups.extend(
                one["GroupId"] for one in _get_groups(self._get_groups_page(region, 1, 1))
            ),
        )
        domains: list[Row] = []
        for group in groups:
            yield (
                "apigateway:DescribeApiGroup",
                partial(self._list_domains_into, domains, region, group),
            )
        for row in domains[:1]:
            query = {"GroupId": groups[0], "DomainName": row["DomainName"]}
            yield (
                "apigateway:DescribeDomain",
                partial(self._call, "DescribeDomain", region, query),
            )

    def _list_domains_into(self, found: list[Row], region: str, group: str) -> None:
        found += self._list_domains(region, group)


def _get_groups(reply: Row) -> list[Row]:
    return (reply.get("ApiGroupAttributes") or {}).get("ApiGroupAttribute") or []


def _build_ids(resource: Resource) -> Row:
    return {"GroupId": resource.detail["group"], "DomainName": resource.detail["domain"]}


def _get_state(row: Row) -> str:
    if row.get("DomainBindingStatus", BOUND) != BOUND:
        return "unbound"
    return "online" if row.get("DomainLegalStatus", "NORMAL") == "NORMAL" else "abnormal"
