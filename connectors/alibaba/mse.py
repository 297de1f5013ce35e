"""MSE (Microservices Engine), cloud-native gateways: each domain serves one certificate.

API: https://api.alibabacloud.com/document/mse/2019-05-31/UpdateSSLCert

What it serves: one certificate for each domain of a gateway.

How a certificate is bound: `UpdateSSLCert` sets the certificate and publishes the domain. The
change has arrived when the domain counts as published again. HTTP 200 is no success here: the
envelope of the answer decides.

Unconfirmed: whether a domain may be switched back to HTTP, so only updates are offered.

Limits: no rate limit and no time for publishing is documented. Five calls a second and five
minutes are this project's own choice.
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

GATEWAYS_PER_PAGE = 10
PAGE_SIZE = 50
PUBLISHED = 3
STATES = {0: "unpublished", 2: "online", 3: "online", 4: "online", 5: "unpublishing"}

Row = dict[str, Any]


class Mse(StoredConnector):
    """Domains of cloud-native gateways."""

    title = "Microservices Engine (MSE), cloud-native gateways"
    api = Api(
        ram="mse",
        version="2019-05-31",
        hosts=dict.fromkeys(Site, "mse.{region}.aliyuncs.com"),
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "mse:QueryGatewayRegion",
        "mse:ListGateway",
        "mse:ListGatewayDomain",
        "mse:UpdateSSLCert",
        *PERMISSIONS,
    )
    queries_per_second = 5
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """The domains of ten gateways of a region a page, with what they serve."""
        return list_over_regions(self._regions, page, PAGE_SIZE, self._list_in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it speaks HTTP only."""
        return self.get_binding(_get_identifier(self._get_domain(resource)))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Replaces the domain's certificate. None raises Permanent."""
        if ref is None:
            raise Permanent("switching HTTPS off is not offered for MSE", code="AlwaysOn")
        query: dict[str, object] = {
            "GatewayUniqueId": resource.detail["gateway"],
            "DomainId": resource.detail["id"],
            "CertIdentifier": ref.fields["identifier"],
        }
        self._call("UpdateSSLCert", query, resource.region)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the domain shows the certificate and is published."""
        row = self._get_domain(resource)
        shown = ref is not None and _get_identifier(row) == ref.fields["identifier"]
        return shown and row.get("Status") == PUBLISHED

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A rollback to HTTP is unconfirmed."""
        if before is None:
            return "it has no HTTPS now, and MSE may not allow it to be switched off"
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists regions, gateways and the domains of one; nothing is changed."""
        return list_missing_permissions(self._list_probes())

    @cached_property
    def _regions(self) -> list[str]:
        return list_regions(self._settings, self._list_regions)

    def _list_regions(self) -> list[str]:
        found: list[str] = self._call("QueryGatewayRegion", {}, self._settings.site.region)
        return found

    def _list_in_region(
        self, region: str, page: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        number = int(page or 1)
        data = self._get_gateways_page(region, number, GATEWAYS_PER_PAGE)
        found = [
            self._build_found(region, gateway["GatewayUniqueId"], row)
            for gateway in data.get("Result") or []
            for row in self._list_domains(region, gateway["GatewayUniqueId"])
        ]
        more = number * GATEWAYS_PER_PAGE < int(data.get("TotalSize") or 0)
        return found, str(number + 1) if more else None

    def _build_found(self, region: str, gateway: str, row: Row) -> DiscoveredResource:
        name, number = str(row["Name"]), str(row["Id"])
        binding = self.get_binding(_get_identifier(row))
        # A gateway's own domain "*" answers to every name: its certificate's stand for them.
        answers = to_hostnames((name,)) or to_hostnames(binding.names if binding else ())
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{gateway}/{number}",
            region=region,
            domains=answers,
            state=STATES.get(int(row.get("Status") or 0), "unavailable"),
            detail={"gateway": gateway, "id": number, "name": name},
        )
        return DiscoveredResource(resource=resource, binding=binding, binding_known=True)

    def _get_domain(self, resource: Resource) -> Row:
        gateway, name = resource.detail["gateway"], resource.detail["name"]
        for row in self._list_domains(resource.region, gateway, name):
            if str(row["Id"]) == resource.detail["id"]:
                return row
        raise Permanent(f"the gateway {gateway} has no domain {name} any more", code="NotFound")

    def _list_domains(self, region: str, gateway: str, name: str | None = None) -> list[Row]:
        query: dict[str, object] = {"GatewayUniqueId": gateway, "DomainName": name}
        return self._call("ListGatewayDomain", query, region) or []

    def _get_gateways_page(self, region: str, number: int, size: int) -> Row:
        query: dict[str, object] = {"PageNumber": number, "PageSize": size}
        return self._call("ListGateway", query, region) or {}

    def _call(self, action: str, query: dict[str, object], region: str) -> Any:
        return open_envelope(self.client.call(action, query, region=region), self.api, action)

    def _list_probes(self) -> Iterator[Probe]:
        yield "mse:QueryGatewayRegion", self._list_regions
        region = next(iter(self._settings.regions), self._settings.site.region)
        found: list[Row] = []
        yield (
            "mse:ListGateway",
            lambda: found.extend(self._get_gateways_page(region, 1, 1).get("Result") or []),
        )
        for gateway in found:
            number = gateway["GatewayUniqueId"]
            yield "mse:ListGatewayDomain", partial(self._list_domains, region, number)
        yield from self.list_store_probes()


def _get_identifier(row: Row) -> str | None:
    return row.get("CertIdentifier") or None if row.get("Protocol") == "HTTPS" else None
