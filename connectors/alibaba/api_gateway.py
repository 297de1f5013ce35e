"""API Gateway (the traditional one): each domain bound to an API group serves one certificate.

It takes PEM only, and its certificate with the private key travels in the query of the call, as
the operation is documented. A domain's certificate is known by what the service shows of it.

Unconfirmed: whether settings for the clients' own certificates stay as they are when a change does
not send them (the plan warns where a domain has them). Not documented: the limit of calls (five a
second is this project's own choice) and how long gateways take (five minutes, likewise).
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._api.regions import page_over, regions_of
from connectors.alibaba._api.tags import tags
from connectors.alibaba._bases.base import Probe, missing
from connectors.alibaba._bases.pem import PemConnector, serves
from domain.certificates.hostnames import canonical
from domain.errors import Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

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
        rules=(Rule("RepeatedCommit", Transient),),
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
        return page_over(self._regions, page, PAGE_SIZE, self._in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it has no certificate."""
        row = self._domain(resource)
        if not row.get("CertificateId"):
            return None
        return self.shown(row.get("CertificateBody") or "", row.get("CertificateName") or None)

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Sends certificate and key, or takes the present certificate away."""
        if ref is None:
            self._take_away(resource)
            return
        pem = self.opened(ref)
        given = {
            "CertificateName": pem.name,
            "CertificateBody": pem.chain,
            "CertificatePrivateKey": pem.key,
        }
        self._call("SetDomainCertificate", resource.region, {**_ids(resource), **given})

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate, or none, as the domain's own."""
        row = self._domain(resource)
        if ref is None:
            return not row.get("CertificateId")
        return serves(row.get("CertificateBody"), ref)

    def warnings(self, resource: Resource, before: Binding | None) -> tuple[str, ...]:
        """Whether it asks clients for certificates, whose settings a change may reset."""
        if resource.detail.get("asks_clients") != "yes":
            return ()
        return (
            "it asks clients for certificates of their own: check that it still does afterwards, "
            "for nobody has confirmed that a new certificate leaves those settings alone",
        )

    def check(self) -> list[str]:
        """Lists regions and groups, and reads one domain; nothing is changed."""
        return missing(self._probes())

    @cached_property
    def _regions(self) -> list[str]:
        return regions_of(self._settings, self._listed_regions)

    def _listed_regions(self) -> list[str]:
        reply = self._call("DescribeRegions", self._settings.site.region, {})
        return [one["RegionId"] for one in (reply.get("Regions") or {}).get("Region") or []]

    def _in_region(self, region: str, page: str | None) -> tuple[list[Found], str | None]:
        number = int(page or 1)
        reply = self._groups(region, number, GROUPS_PER_PAGE)
        found = [
            self._found(region, group, row)
            for group in _listed(reply)
            for row in self._domains(region, group["GroupId"])
        ]
        more = number * GROUPS_PER_PAGE < int(reply.get("TotalCount") or 0)
        return found, str(number + 1) if more else None

    def _found(self, region: str, of: Row, row: Row) -> Found:
        group, domain = str(of["GroupId"]), str(row["DomainName"])
        name = canonical(domain)
        asks = {"asks_clients": "yes"} if int(row.get("SslVerifyDepth") or 0) else {}
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{group}/{domain}",
            region=region,
            domains=(name,) if name else (),
            state=_state(row),
            detail={"group": group, "domain": domain, **asks},
        )
        return Found(
            resource=resource,
            binding_known=not row.get("CertificateId"),
            tags=tags((of.get("Tags") or {}).get("TagInfo")),
        )

    def _domain(self, resource: Resource) -> Row:
        return self._call("DescribeDomain", resource.region, _ids(resource))

    def _take_away(self, resource: Resource) -> None:
        number = self._domain(resource).get("CertificateId")
        if number:
            query = {**_ids(resource), "CertificateId": number}
            self._call("DeleteDomainCertificate", resource.region, query)

    def _groups(self, region: str, number: int, size: int) -> Row:
        return self._call("DescribeApiGroups", region, {"PageNumber": number, "PageSize": size})

    def _domains(self, region: str, group: str) -> list[Row]:
        reply = self._call("DescribeApiGroup", region, {"GroupId": group})
        return (reply.get("CustomDomains") or {}).get("DomainItem") or []

    def _call(self, action: str, region: str, query: Row) -> Row:
        return self.client.call(action, query, region=region)

    def _probes(self) -> Iterator[Probe]:
        yield "apigateway:DescribeRegions", self._listed_regions
        region = next(iter(self._settings.regions), self._settings.site.region)
        groups: list[str] = []
        yield (
            "apigateway:DescribeApiGroups",
            lambda: groups.extend(one["GroupId"] for one in _listed(self._groups(region, 1, 1))),
        )
        domains: list[Row] = []
        for group in groups:
            yield (
                "apigateway:DescribeApiGroup",
                partial(self._domains_into, domains, region, group),
            )
        for row in domains[:1]:
            query = {"GroupId": groups[0], "DomainName": row["DomainName"]}
            yield (
                "apigateway:DescribeDomain",
                partial(self._call, "DescribeDomain", region, query),
            )

    def _domains_into(self, found: list[Row], region: str, group: str) -> None:
        found += self._domains(region, group)


def _listed(reply: Row) -> list[Row]:
    return (reply.get("ApiGroupAttributes") or {}).get("ApiGroupAttribute") or []


def _ids(resource: Resource) -> Row:
    return {"GroupId": resource.detail["group"], "DomainName": resource.detail["domain"]}


def _state(row: Row) -> str:
    if row.get("DomainBindingStatus", BOUND) != BOUND:
        return "unbound"
    return "online" if row.get("DomainLegalStatus", "NORMAL") == "NORMAL" else "abnormal"
