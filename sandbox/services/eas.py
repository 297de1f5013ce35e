"""EAS, dedicated gateways: domains are attached with a certificate, and detached.

Unconfirmed against the real cloud: whether a domain may be attached again (a seed chooses; by
default it may), that all domains take their certificate at once, and all error codes.
"""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sandbox.cloud import Cloud
from sandbox.errors import ApiError, build_invalid_error
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import ServiceCall
from sandbox.services._identified import to_edge_names
from sandbox.services._roa import RoaService, route
from sandbox.state import Table
from sandbox.store import build_binding

TYPES = ("intranet", "internet")


@dataclass
class EasGateway:
    """One dedicated gateway; `strict` refuses to attach a domain that is attached already."""

    id: str
    account: str
    region: str
    created: float
    status: str = "Running"
    strict: bool = False


class Eas(RoaService):
    """API version 2021-07-01."""

    product = "eas"
    version = "2021-07-01"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._gateways = Table(cloud.journal, "eas_gateways", EasGateway)

    @route("GET", "/api/v2/gateways", "ListGateway", resource="GatewayId")
    def list_gateways(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the gateways of a region."""
        number = call.params.get_number("PageNumber", 1, high=100_000)
        size = call.params.get_number("PageSize", 100, high=100)
        owner = (call.account.access_key_id, call.region)
        rows = [one for one in self._gateways if (one.account, one.region) == owner]
        shown = [_to_gateway(one) for one in rows[(number - 1) * size : number * size]]
        paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
        return {"Gateways": shown, **paging}

    @route("GET", "/api/v2/gateways/{cluster}/{gateway}/domains", "ListGatewayDomains", "gateway")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """All domains that are attached to a gateway."""
        gateway = self._get_gateway(call)
        rows = self.cloud.resources.list_of(self.product, gateway.account)
        own = [r for r in rows if r.attributes["gateway"] == gateway.id and r.reachable]
        return {"CustomDomains": [_to_domain(row) for row in own]}

    @route(
        "PUT",
        "/api/v2/gateways/{cluster}/{gateway}/domain/attach",
        "AttachGatewayDomain",
        "gateway",
    )
    def attach(self, call: ServiceCall) -> dict[str, Any]:
        """Attach a domain, or give one that is attached another certificate."""
        gateway, given = self._get_gateway(call), _read_custom_domain(call)
        binding = self._find_stored(call.account, given.get("CertificateId"))
        row = self._get_or_build_row(gateway, given)
        if row.reachable and gateway.strict:
            raise ApiError("DomainAlreadyExists", "The domain is attached already.", 409)
        row.reachable = True
        if self.cloud.resources.get(self.product, row.account, row.name) is None:
            self.cloud.resources.add(row)
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {
            "GatewayId": gateway.id,
            "Message": "Successfully update custom endpoint for gateway",
        }

    @route(
        "PUT",
        "/api/v2/gateways/{cluster}/{gateway}/domain/detach",
        "DetachGatewayDomain",
        "gateway",
    )
    def detach(self, call: ServiceCall) -> dict[str, Any]:
        """Detach a domain; nothing is served for it any more."""
        gateway, given = self._get_gateway(call), _read_custom_domain(call)
        row = self._get_or_build_row(gateway, given)
        if not row.reachable:
            raise ApiError("NotFound", "The domain is not attached.", 404)
        row.reachable = False
        self.cloud.resources.bind(row, None, unserved=call.unserved)
        return {"GatewayId": gateway.id, "Message": ""}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"gateways": [{"id", "region", "status", "strict", "domains": [a domain, ...]}]}`.

        A domain is `{"name", "type", "certificate": {"pem", "key"}}`.
        """
        created, owner = 0, account.access_key_id
        for one in entry["gateways"]:
            key = f"{owner}/{one['id']}"
            if keep_existing and self._gateways.get(key):
                continue
            gateway = EasGateway(one["id"], owner, one.get("region", account.region), time.time())
            gateway.status = one.get("status", "Running")
            gateway.strict = one.get("strict", False)
            self._gateways.save(key, gateway)
            for domain in one.get("domains", []):
                ids = {"Domain": domain["name"], "Type": domain.get("type", "internet")}
                row = self._get_or_build_row(gateway, ids)
                row.reachable = True
                if given := domain.get("certificate"):
                    stored = self.cloud.certificates.put(owner, given["pem"], given["key"])
                    row.binding = build_binding(stored)
                self.cloud.resources.add(row)
                created += 1
        return created

    def _get_or_build_row(self, gateway: EasGateway, given: dict[str, str]) -> SandboxResource:
        """The domain of that name and type, new and not reachable where there is none."""
        domain, kind = given["Domain"], given["Type"]
        name = f"{gateway.id}/{kind}/{domain}"
        row = self.cloud.resources.get(self.product, gateway.account, name)
        if row is None:
            hosts = to_edge_names((domain,))
            row = SandboxResource(self.product, gateway.account, name, hosts, time.time())
            row.attributes = {"gateway": gateway.id, "domain": domain, "type": kind}
            row.reachable = False
        return row

    def _find_stored(self, account: SandboxAccount, text: str | None) -> SandboxBinding | None:
        if not text:
            return None
        number = int(text) if text.isdecimal() else 0
        found = self.cloud.certificates.get(account.access_key_id, number)
        if found is None:
            raise ApiError("InvalidParameter", f"The certificate {text} does not exist.")
        return build_binding(found)

    def _get_gateway(self, call: ServiceCall) -> EasGateway:
        gateway = self._gateways.get(f"{call.account.access_key_id}/{call.params['gateway']}")
        here = gateway is not None and gateway.region == call.region == call.params["cluster"]
        if gateway is None or not here:
            raise ApiError("NotFound", "The gateway does not exist.", 404)
        return gateway


SERVICE = Eas


def _read_custom_domain(call: ServiceCall) -> dict[str, str]:
    try:
        given = json.loads(call.params.require("CustomDomain"))
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given.get("Domain") or given.get("Type") not in TYPES:
        raise build_invalid_error("CustomDomain")
    return given


def _to_gateway(one: EasGateway) -> dict[str, Any]:
    created = datetime.fromtimestamp(one.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "GatewayId": one.id,
        "GatewayName": one.id,
        "Status": one.status,
        "CreateTime": created,
        "InternetDomain": f"{one.id}.{one.region}.pai-eas.aliyuncs.com",
        "InternetEnabled": True,
        "Replicas": 2,
        "SSLRedirectionEnabled": False,
    }


def _to_domain(row: SandboxResource) -> dict[str, Any]:
    ids = {"Domain": row.attributes["domain"], "Type": row.attributes["type"]}
    return {**ids, "CertificateId": str(row.binding["cert_id"])} if row.binding else ids
