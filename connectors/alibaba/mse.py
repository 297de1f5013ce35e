"""MSE (Microservices Engine), cloud-native gateways: each domain serves one certificate.

A change is published to the gateway and has arrived when the domain counts as published again.
HTTP 200 is no success here: the answer's envelope tells.

Only updates: whether a domain may be switched back to HTTP without a certificate is not confirmed,
so no domain is taken there. Not documented either: the limit of calls (five a second is this
project's own choice) and how long publishing takes (five minutes, likewise).
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.envelope import opened
from connectors.alibaba._api.regions import page_over, regions_of
from connectors.alibaba._bases.base import Probe, missing
from connectors.alibaba._bases.stored import StoredConnector, hosts
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import Permanent
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

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
        return page_over(self._regions, page, PAGE_SIZE, self._in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None where it speaks HTTP only."""
        return self.served(_identifier(self._domain(resource)))

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

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the domain shows the certificate and is published."""
        row = self._domain(resource)
        shown = ref is not None and _identifier(row) == ref.fields["identifier"]
        return shown and row.get("Status") == PUBLISHED

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """There is no confirmed way back to HTTP."""
        if before is None:
            return "MSE has no confirmed way back from HTTPS to HTTP"
        return super().not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists regions, gateways and the domains of one; nothing is changed."""
        return missing(self._probes())

    @cached_property
    def _regions(self) -> list[str]:
        return regions_of(self._settings, self._listed_regions)

    def _listed_regions(self) -> list[str]:
        found: list[str] = self._call("QueryGatewayRegion", {}, self._settings.site.region)
        return found

    def _in_region(self, region: str, page: str | None) -> tuple[list[Found], str | None]:
        number = int(page or 1)
        data = self._gateways(region, number, GATEWAYS_PER_PAGE)
        found = [
            self._found(region, gateway["GatewayUniqueId"], row)
            for gateway in data.get("Result") or []
            for row in self._domains(region, gateway["GatewayUniqueId"])
        ]
        more = number * GATEWAYS_PER_PAGE < int(data.get("TotalSize") or 0)
        return found, str(number + 1) if more else None

    def _found(self, region: str, gateway: str, row: Row) -> Found:
        name, number = str(row["Name"]), str(row["Id"])
        binding = self.served(_identifier(row))
        # A gateway's own domain "*" answers to every name: its certificate's stand for them.
        answers = hosts((name,)) or hosts(binding.names if binding else ())
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{gateway}/{number}",
            region=region,
            domains=answers,
            state=STATES.get(int(row.get("Status") or 0), "unavailable"),
            detail={"gateway": gateway, "id": number, "name": name},
        )
        return Found(resource=resource, binding=binding, binding_known=True)

    def _domain(self, resource: Resource) -> Row:
        gateway, name = resource.detail["gateway"], resource.detail["name"]
        for row in self._domains(resource.region, gateway, name):
            if str(row["Id"]) == resource.detail["id"]:
                return row
        raise Permanent(f"the gateway {gateway} has no domain {name} any more", code="NotFound")

    def _domains(self, region: str, gateway: str, name: str | None = None) -> list[Row]:
        query: dict[str, object] = {"GatewayUniqueId": gateway, "DomainName": name}
        return self._call("ListGatewayDomain", query, region) or []

    def _gateways(self, region: str, number: int, size: int) -> Row:
        query: dict[str, object] = {"PageNumber": number, "PageSize": size}
        return self._call("ListGateway", query, region) or {}

    def _call(self, action: str, query: dict[str, object], region: str) -> Any:
        return opened(self.client.call(action, query, region=region), self.api, action)

    def _probes(self) -> Iterator[Probe]:
        yield "mse:QueryGatewayRegion", self._listed_regions
        region = next(iter(self._settings.regions), self._settings.site.region)
        found: list[Row] = []
        yield (
            "mse:ListGateway",
            lambda: found.extend(self._gateways(region, 1, 1).get("Result") or []),
        )
        for gateway in found:
            number = gateway["GatewayUniqueId"]
            yield "mse:ListGatewayDomain", partial(self._domains, region, number)
        yield from self.probe_store()


def _identifier(row: Row) -> str | None:
    return row.get("CertIdentifier") or None if row.get("Protocol") == "HTTPS" else None
