"""Cloud-native API gateway: each domain serves one certificate.

API: https://api.alibabacloud.com/document/APIG/2024-03-27/UpdateDomain

What it serves: one certificate for each domain of a dedicated gateway. Domains of serverless
gateways take no certificate and are listed with their scope as state.

How a certificate is bound: `UpdateDomain` replaces all HTTPS settings of a domain, so the settings
that were read are sent back with the certificate. There is no job: the domain shows the new
certificate at once, and its gateways follow.

Unconfirmed: whether a domain may be switched back to HTTP, so only updates are offered; and
whether a listing without a gateway type shows the domains of all types.

Limits: no rate limit and no propagation time is documented. Five calls a second and five minutes
are this project's own choice.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.envelope import open_envelope
from connectors.alibaba._api.regions import list_over_regions, list_regions
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector, to_hostnames
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

PAGE_SIZE = 50
KEPT_SETTINGS = (
    "caCertIdentifier",
    "clientCACert",
    "domainScope",
    "http2Option",
    "mTLSEnabled",
    "tlsCipherSuitesConfig",
    "tlsMax",
    "tlsMin",
)
"""The settings that a change resets unless it sends them."""

Row = dict[str, Any]


class Apig(StoredConnector):
    """Domains of cloud-native API gateways."""

    title = "Cloud-native API gateway"
    api = Api(
        ram="apig",
        version="2024-03-27",
        hosts=dict.fromkeys(Site, "apig.{region}.aliyuncs.com"),
        style="ROA",
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "apig:DescribeRegions",
        "apig:ListDomains",
        "apig:GetDomain",
        "apig:UpdateDomain",
        *PERMISSIONS,
    )
    queries_per_second = 5
    calls_per_change = 4
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """50 domains of a region a page, with what they serve."""
        return list_over_regions(self._regions, page, PAGE_SIZE, self._list_in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it speaks HTTP only."""
        return self.get_binding(_get_identifier(self._get_domain(resource)))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces the domain's certificate, and sends back all else. None raises Permanent."""
        if ref is None:
            raise Permanent("switching HTTPS off is not offered for gateways", code="AlwaysOn")
        row = self._get_domain(resource)
        body = {name: row[name] for name in KEPT_SETTINGS if row.get(name) is not None}
        body |= {
            "certIdentifier": ref.fields["identifier"],
            "protocol": "HTTPS",
            "forceHttps": bool(row.get("forceHttps")),
        }
        self._call("UpdateDomain", "PUT", _build_path(resource), resource.region, body=body)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the domain shows the certificate."""
        return (
            ref is not None
            and _get_identifier(self._get_domain(resource)) == ref.fields["identifier"]
        )

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A rollback to HTTP is unconfirmed."""
        if before is None:
            return "it has no HTTPS now, and the gateway may not allow it to be switched off"
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists regions and domains and looks at one; nothing is changed."""
        return list_missing_permissions(self._list_probes())

    @cached_property
    def _regions(self) -> list[str]:
        return list_regions(self._settings, self._list_regions)

    def _list_regions(self) -> list[str]:
        home = self._settings.site.region
        return [one["regionId"] for one in self._call("DescribeRegions", "POST", "/regions", home)]

    def _list_in_region(
        self, region: str, page: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        number = int(page or 1)
        data = self._get_page(region, number, PAGE_SIZE)
        found = [self._build_found(region, row) for row in data.get("items") or []]
        more = number * PAGE_SIZE < int(data.get("totalSize") or 0)
        return found, str(number + 1) if more else None

    def _get_page(self, region: str, number: int, size: int) -> Row:
        query = {"pageNumber": number, "pageSize": size}
        return self._call("ListDomains", "GET", "/domains", region, query=query) or {}

    def _build_found(self, region: str, row: Row) -> DiscoveredResource:
        binding = self.get_binding(_get_identifier(row))
        # A gateway's own domain "*" answers to every name: its certificate's stand for them.
        answers = to_hostnames((str(row["name"]),)) or to_hostnames(
            binding.names if binding else ()
        )
        scope = row.get("domainScope") or "Dedicated"
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{row['domainId']}",
            region=region,
            domains=answers,
            state="online" if scope == "Dedicated" else scope.lower(),
            detail={"id": row["domainId"]},
        )
        return DiscoveredResource(resource=resource, binding=binding, binding_known=True)

    def _get_domain(self, resource: Resource) -> Row:
        return self._call("GetDomain", "GET", _build_path(resource), resource.region) or {}

    def _call(self, action: str, method: str, path: str, region: str, **more: Row) -> Any:
        reply = self.client.call(action, method=method, path=f"/v1{path}", region=region, **more)
        return open_envelope(reply, self.api, action)

    def _list_probes(self) -> Iterator[Probe]:
        yield "apig:DescribeRegions", self._list_regions
        region = next(iter(self._settings.regions), self._settings.site.region)
        rows: list[Row] = []
        yield (
            "apig:ListDomains",
            lambda: rows.extend(self._get_page(region, 1, 1).get("items") or []),
        )
        for row in rows:
            path = f"/domains/{row['domainId']}"
            yield "apig:GetDomain", partial(self._call, "GetDomain", "GET", path, region)
        yield from self.list_store_probes()


def _get_identifier(row: Row) -> str | None:
    return row.get("certIdentifier") or None if row.get("protocol") == "HTTPS" else None


def _build_path(resource: Resource) -> str:
    return f"/domains/{resource.detail['id']}"
