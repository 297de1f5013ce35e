"""EAS of PAI, dedicated gateways: each custom domain serves one certificate.

API: https://api.alibabacloud.com/document/eas/2021-07-01/AttachGatewayDomain

What it serves: one certificate for each custom domain of a dedicated gateway.

How a certificate is bound: no operation changes a domain. `AttachGatewayDomain` is called again
with the new certificate. Only if the service refuses this because the domain exists, the domain is
detached and attached anew. For a moment nothing is served then, as the plan warns.

Unconfirmed: whether a domain may be attached again, with which code that is refused
(`ALREADY_ATTACHED`), and whether a domain may be attached without a certificate. So no certificate
is removed.

Limits: no rate limit and no propagation time is documented. Two calls a second and five minutes
are this project's own choice.
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.regions import list_over_regions
from connectors.alibaba._bases.base import Probe, list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector, to_hostnames
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.errors import CloudError, Permanent, Transient
from domain.resources.connector import ChangeWarning, Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

GATEWAYS_PER_PAGE = 10
PAGE_SIZE = 50
REGIONS = (
    "cn-hangzhou",
    "cn-shanghai",
    "cn-beijing",
    "cn-shenzhen",
    "cn-zhangjiakou",
    "cn-wulanchabu",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-northeast-1",
    "ap-northeast-2",
    "us-east-1",
    "us-west-1",
    "eu-central-1",
)
"""The public regions in which the service lists a host."""
ALREADY_ATTACHED = ("*AlreadyExist*", "*Duplicate*", "*Conflict*", "HTTP409")
PAUSES = (0.2, 1.0, 3.0)
"""Seconds between attempts to attach what was just detached."""

Row = dict[str, Any]


class Eas(StoredConnector):
    """Custom domains of dedicated gateways."""

    title = "PAI Elastic Algorithm Service (EAS), dedicated gateways"
    api = Api(
        ram="eas",
        version="2021-07-01",
        hosts=dict.fromkeys(Site, "pai-eas.{region}.aliyuncs.com"),
        style="ROA",
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "eas:ListGateway",
        "eas:ListGatewayDomains",
        "eas:AttachGatewayDomain",
        "eas:DetachGatewayDomain",
        *PERMISSIONS,
    )
    queries_per_second = 2
    propagation = timedelta(minutes=5)

    def discover(self, page: str | None = None) -> Page:
        """The domains of ten gateways of a region a page, with what they serve."""
        regions = self._settings.regions or REGIONS
        return list_over_regions(regions, page, PAGE_SIZE, self._list_in_region)

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves; None if it has no certificate or is no longer attached."""
        return self.get_binding(_get_certificate_id(self._get_domain(resource)))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """Attaches the domain again, with the certificate. None raises Permanent."""
        if ref is None:
            raise Permanent("a certificate cannot be removed from an EAS domain", code="AlwaysOn")
        wanted = {**_build_ids(resource), "CertificateId": ref.fields["cert_id"]}
        try:
            self._attach(resource, wanted)
        except Permanent as error:
            if not any(fnmatchcase(error.code, pattern) for pattern in ALREADY_ATTACHED):
                raise
        else:
            return
        self._reattach(resource, wanted)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the gateway shows the certificate for the domain."""
        shown = _get_certificate_id(self._get_domain(resource))
        return ref is not None and shown is not None and _get_number(shown) == ref.fields["cert_id"]

    def get_lock_key(self, resource: Resource) -> str:
        """A gateway takes one change at a time, so that a detached domain is attached again."""
        return f"{self.account}/{self.service}/{resource.region}/{resource.detail['gateway']}"

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A rollback to a domain without certificate is unconfirmed."""
        if before is None:
            return "it has no certificate now, and EAS may not allow one to be removed"
        return super().explain_not_reversible(resource, before)

    def list_warnings(
        self, resource: Resource, before: Binding | None
    ) -> tuple[ChangeWarning, ...]:
        """Warns of the gap in a change, and of domains that only a private network reaches."""
        gap = ChangeWarning(
            code="short-outage",
            text="if the service refuses to attach the domain again, it is detached and attached "
            "anew: for a moment nothing is served",
        )
        private = ChangeWarning(
            code="private-network",
            text="it is a domain of a private network: a handshake is possible only from there",
        )
        return (gap,) if resource.detail["type"] == "internet" else (gap, private)

    def check(self) -> list[str]:
        """Lists gateways and the domains of one; nothing is changed."""
        return list_missing_permissions(self._list_probes())

    def _reattach(self, resource: Resource, wanted: Row) -> None:
        """Detaches and attaches; attaches the former certificate if the new one is refused."""
        former = self._get_domain(resource)
        self._change("detach", resource, _build_ids(resource))
        try:
            self._attach_with_retries(resource, wanted)
        except CloudError:
            if former:
                self._attach_with_retries(resource, former)
            raise

    def _attach_with_retries(self, resource: Resource, domain: Row) -> None:
        """Retries here, because nothing is served meanwhile."""
        for seconds in PAUSES:
            try:
                return self._attach(resource, domain)
            except Transient:
                time.sleep(seconds)
        self._attach(resource, domain)

    def _attach(self, resource: Resource, domain: Row) -> None:
        self._change("attach", resource, domain)

    def _change(self, verb: str, resource: Resource, domain: Row) -> None:
        action = f"{verb.capitalize()}GatewayDomain"
        gateway, region = resource.detail["gateway"], resource.region
        # The cluster of a dedicated gateway has the name of its region.
        path = f"/api/v2/gateways/{region}/{gateway}/domain/{verb}"
        query = {"CustomDomain": json.dumps(domain)}
        self.client.call(action, query, method="PUT", path=path, region=region)

    def _list_in_region(
        self, region: str, page: str | None
    ) -> tuple[list[DiscoveredResource], str | None]:
        number = int(page or 1)
        reply = self._get_gateways_page(region, number, GATEWAYS_PER_PAGE)
        found = [
            self._build_found(region, gateway, row)
            for gateway in reply.get("Gateways") or []
            for row in self._list_domains(region, gateway["GatewayId"])
        ]
        more = number * GATEWAYS_PER_PAGE < int(reply.get("TotalCount") or 0)
        return found, str(number + 1) if more else None

    def _build_found(self, region: str, gateway: Row, row: Row) -> DiscoveredResource:
        ids = {"gateway": gateway["GatewayId"], "domain": row["Domain"], "type": row["Type"]}
        state = str(gateway.get("Status") or "Running")
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{region}/{ids['gateway']}/{ids['type']}/{ids['domain']}",
            region=region,
            domains=to_hostnames((ids["domain"],)),
            state="online" if state == "Running" else state.lower(),
            detail=ids,
        )
        return DiscoveredResource(
            resource=resource,
            binding=self.get_binding(_get_certificate_id(row)),
            binding_known=True,
        )

    def _get_domain(self, resource: Resource) -> Row:
        rows = self._list_domains(resource.region, resource.detail["gateway"])
        ids = _build_ids(resource)
        return next((row for row in rows if ids.items() <= row.items()), {})

    def _list_domains(self, region: str, gateway: str) -> list[Row]:
        path = f"/api/v2/gateways/{region}/{gateway}/domains"
        reply = self.client.call("ListGatewayDomains", method="GET", path=path, region=region)
        return reply.get("CustomDomains") or []

    def _get_gateways_page(self, region: str, number: int, size: int) -> Row:
        query: dict[str, object] = {"PageNumber": number, "PageSize": size}
        path = "/api/v2/gateways"
        return self.client.call("ListGateway", query, method="GET", path=path, region=region)

    def _list_probes(self) -> Iterator[Probe]:
        region = next(iter(self._settings.regions), self._settings.site.region)
        found: list[Row] = []
        yield (
            "eas:ListGateway",
            lambda: found.extend(self._get_gateways_page(region, 1, 1).get("Gateways") or []),
        )
        for gateway in found:
            yield (
                "eas:ListGatewayDomains",
                partial(self._list_domains, region, gateway["GatewayId"]),
            )
        yield from self.list_store_probes()


def _build_ids(resource: Resource) -> Row:
    return {"Domain": resource.detail["domain"], "Type": resource.detail["type"]}


def _get_certificate_id(row: Row) -> str | None:
    return str(row.get("CertificateId") or "") or None


def _get_number(shown: str) -> str:
    return shown.partition("-")[0]
