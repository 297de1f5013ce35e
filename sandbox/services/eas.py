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
from sandbox.errors import CloudError, invalid
from sandbox.options import Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call
from sandbox.services._identified import edge_names
from sandbox.services._roa import RoaService, route
from sandbox.state import Table
from sandbox.store import bound_to

TYPES = ("intranet", "internet")


@dataclass
class Gateway:
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
        self._gateways = Table(cloud.journal, "eas_gateways", Gateway)

    @route("GET", "/api/v2/gateways", "ListGateway", resource="GatewayId")
    def list_gateways(self, call: Call) -> dict[str, Any]:
        """One page of the gateways of a region."""
        number = call.params.number("PageNumber", 1, high=100_000)
        size = call.params.number("PageSize", 100, high=100)
        place = (call.account.access_key_id, call.region)
        rows = [one for one in self._gateways if (one.account, one.region) == place]
        shown = [_told(one) for one in rows[(number - 1) * size : number * size]]
        paging = {"PageNumber": number, "PageSize": size, "TotalCount": len(rows)}
        return {"Gateways": shown, **paging}

    @route("GET", "/api/v2/gateways/{cluster}/{gateway}/domains", "ListGatewayDomains", "gateway")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """All domains that are attached to a gateway."""
        gateway = self._gateway(call)
        rows = self.cloud.resources.of(self.product, gateway.account)
        own = [r for r in rows if r.attributes["gateway"] == gateway.id and r.reachable]
        return {"CustomDomains": [_domain(row) for row in own]}

    @route(
        "PUT",
        "/api/v2/gateways/{cluster}/{gateway}/domain/attach",
        "AttachGatewayDomain",
        "gateway",
    )
    def attach(self, call: Call) -> dict[str, Any]:
        """Attach a domain, or give one that is attached another certificate."""
        gateway, given = self._gateway(call), _custom_domain(call)
        binding = self._stored(call.account, given.get("CertificateId"))
        row = self._row(gateway, given)
        if row.reachable and gateway.strict:
            raise CloudError("DomainAlreadyExists", "The domain is attached already.", 409)
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
    def detach(self, call: Call) -> dict[str, Any]:
        """Detach a domain; nothing is served for it any more."""
        gateway, given = self._gateway(call), _custom_domain(call)
        row = self._row(gateway, given)
        if not row.reachable:
            raise CloudError("NotFound", "The domain is not attached.", 404)
        row.reachable = False
        self.cloud.resources.bind(row, None, unserved=call.unserved)
        return {"GatewayId": gateway.id, "Message": ""}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"gateways": [{"id", "region", "status", "strict", "domains": [a domain, ...]}]}`.

        A domain is `{"name", "type", "certificate": {"pem", "key"}}`.
        """
        created, owner = 0, account.access_key_id
        for one in entry["gateways"]:
            key = f"{owner}/{one['id']}"
            if keep and self._gateways.get(key):
                continue
            gateway = Gateway(one["id"], owner, one.get("region", account.region), time.time())
            gateway.status = one.get("status", "Running")
            gateway.strict = one.get("strict", False)
            self._gateways.save(key, gateway)
            for domain in one.get("domains", []):
                ids = {"Domain": domain["name"], "Type": domain.get("type", "internet")}
                row = self._row(gateway, ids)
                row.reachable = True
                if given := domain.get("certificate"):
                    stored = self.cloud.certificates.put(owner, given["pem"], given["key"])
                    row.binding = bound_to(stored)
                self.cloud.resources.add(row)
                created += 1
        return created

    def _row(self, gateway: Gateway, given: dict[str, str]) -> Resource:
        """The domain of that name and type, new and not reachable where there is none."""
        domain, kind = given["Domain"], given["Type"]
        name = f"{gateway.id}/{kind}/{domain}"
        row = self.cloud.resources.get(self.product, gateway.account, name)
        if row is None:
            hosts = edge_names((domain,))
            row = Resource(self.product, gateway.account, name, hosts, time.time())
            row.attributes = {"gateway": gateway.id, "domain": domain, "type": kind}
            row.reachable = False
        return row

    def _stored(self, account: Account, text: str | None) -> Binding | None:
        if not text:
            return None
        number = int(text) if text.isdecimal() else 0
        found = self.cloud.certificates.get(account.access_key_id, number)
        if found is None:
            raise CloudError("InvalidParameter", f"The certificate {text} does not exist.")
        return bound_to(found)

    def _gateway(self, call: Call) -> Gateway:
        gateway = self._gateways.get(f"{call.account.access_key_id}/{call.params['gateway']}")
        here = gateway is not None and gateway.region == call.region == call.params["cluster"]
        if gateway is None or not here:
            raise CloudError("NotFound", "The gateway does not exist.", 404)
        return gateway


SERVICE = Eas


def _custom_domain(call: Call) -> dict[str, str]:
    try:
        given = json.loads(call.params.need("CustomDomain"))
    except ValueError:
        given = None
    if not isinstance(given, dict) or not given.get("Domain") or given.get("Type") not in TYPES:
        raise invalid("CustomDomain")
    return given


def _told(one: Gateway) -> dict[str, Any]:
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


def _domain(row: Resource) -> dict[str, Any]:
    ids = {"Domain": row.attributes["domain"], "Type": row.attributes["type"]}
    return {**ids, "CertificateId": str(row.binding["cert_id"])} if row.binding else ids
