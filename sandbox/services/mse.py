"""MSE's cloud-native gateways: domains that are published again after each change.

Errors of the product itself come with HTTP 200 and `Success` false.

Unconfirmed against the real cloud: that a name in the listing of domains must be the whole name,
and the code inside the envelope for a certificate or a domain that does not exist.
"""

import time
from dataclasses import dataclass
from typing import Any

from sandbox.certificates import read_facts
from sandbox.cloud import Cloud
from sandbox.http import Reply
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.service import Service, ServiceCall, build_json_reply, operation
from sandbox.services._identified import build_identifier, find_binding, to_edge_names
from sandbox.services._regions import REGIONS
from sandbox.state import Table
from sandbox.store import build_binding

RUNNING, PUBLISHING, PUBLISHED = 2, 2, 3


@dataclass
class MseGateway:
    """One cloud-native gateway."""

    id: str
    number: int
    account: str
    region: str
    created: float
    status: int = RUNNING


class Mse(Service):
    """API version 2019-05-31."""

    product = "mse"
    version = "2019-05-31"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._gateways = Table(cloud.journal, "mse_gateways", MseGateway)

    def build_success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """The envelope, whose code alone tells success from failure."""
        envelope = {"Code": 200, "HttpStatusCode": 200, "Message": "", "Success": True, **fields}
        return build_json_reply(200, {"RequestId": request_id, **envelope})

    @operation("QueryGatewayRegion")
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"Data": [*REGIONS]}

    @operation("ListGateway")
    def list_gateways(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the gateways of a region."""
        number = call.params.get_number("PageNumber", 1, high=100_000)
        size = call.params.get_number("PageSize", 10, high=100)
        owner = call.account.access_key_id
        own = [one for one in self._gateways if (one.account, one.region) == (owner, call.region)]
        shown = own[(number - 1) * size : number * size]
        paging = {"PageNumber": number, "PageSize": size, "TotalSize": len(own)}
        return {"Data": {"Result": [_to_gateway(one) for one in shown], **paging}}

    @operation("ListGatewayDomain", resource="DomainName")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """All domains of a gateway, or those of one name."""
        gateway, name = self._get_gateway(call), call.params.get("DomainName")
        if gateway is None:
            return _build_refusal(404, "The gateway does not exist.")
        rows = [
            row for row in self._list_rows(call.account, gateway) if name in (None, _get_name(row))
        ]
        return {"Data": [self._to_domain(call.account, row) for row in rows]}

    @operation("UpdateSSLCert", resource="DomainId")
    def update_certificate(self, call: ServiceCall) -> dict[str, Any]:
        """Replace the certificate of an HTTPS domain; it is published anew."""
        text = call.params.require("CertIdentifier")
        gateway, number = self._get_gateway(call), call.params.get_number("DomainId", 0)
        rows = self._list_rows(call.account, gateway) if gateway else []
        row = next((one for one in rows if one.attributes["id"] == number), None)
        binding = find_binding(self.cloud, call.account, text)
        if row is None or binding is None:
            return _build_refusal(404, "The domain or the certificate does not exist.")
        if row.binding is None:
            return _build_refusal(400, "The domain does not speak HTTPS.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"Data": True}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"gateways": [{"id", "region", "domains": [{"name", "certificate", "status"}]}]}`.

        A domain without certificate speaks HTTP; the domain "*" answers to its certificate's names.
        """
        created, owner = 0, account.access_key_id
        for one in entry["gateways"]:
            if keep_existing and self._gateways.get(f"{owner}/{one['id']}"):
                continue
            number = self.cloud.counters.next("mse_gateway", 2001)
            region = one.get("region", account.region)
            gateway = MseGateway(one["id"], number, owner, region, time.time())
            self._gateways.save(f"{owner}/{gateway.id}", gateway)
            for domain in one.get("domains", []):
                self._seed_domain(account, gateway, domain)
                created += 1
        return created

    def _seed_domain(
        self, account: SandboxAccount, gateway: MseGateway, one: dict[str, Any]
    ) -> None:
        number, owner = self.cloud.counters.next("mse_domain", 3001), account.access_key_id
        row = SandboxResource(self.product, owner, f"{gateway.id}/{number}", [], time.time())
        names: tuple[str, ...] = (one["name"],)
        if given := one.get("certificate"):
            stored = self.cloud.certificates.put(owner, given["pem"], given["key"])
            row.binding = build_binding(stored)
            names = read_facts(stored.pem).names if one["name"] == "*" else names
        row.hosts = to_edge_names(names)
        status = one.get("status", PUBLISHED)
        row.attributes = {
            "gateway": gateway.id,
            "id": number,
            "name": one["name"],
            "status": status,
        }
        self.cloud.resources.add(row)

    def _get_gateway(self, call: ServiceCall) -> MseGateway | None:
        key = f"{call.account.access_key_id}/{call.params.require('GatewayUniqueId')}"
        gateway = self._gateways.get(key)
        return gateway if gateway and gateway.region == call.region else None

    def _list_rows(self, account: SandboxAccount, gateway: MseGateway) -> list[SandboxResource]:
        rows = self.cloud.resources.list_of(self.product, account.access_key_id)
        return [row for row in rows if row.attributes["gateway"] == gateway.id]

    def _to_domain(self, account: SandboxAccount, row: SandboxResource) -> dict[str, Any]:
        secured: dict[str, Any] = {"Protocol": "HTTP", "MustHttps": False}
        if row.binding:
            facts = read_facts(self.cloud.resources.get_material(row.binding["material"]).pem)
            secured = {
                "Protocol": "HTTPS",
                "MustHttps": True,
                "CertIdentifier": build_identifier(account, row.binding),
                "CertBeforeDate": facts.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "TlsMin": "TLS 1.2",
                "TlsMax": "TLS 1.3",
            }
        return {
            "Id": row.attributes["id"],
            "Name": _get_name(row),
            "Http2": "open",
            "IsManaged": False,
            "Type": "Op",
            "Status": row.attributes["status"] if row.settled else PUBLISHING,
            **secured,
        }


SERVICE = Mse


def _get_name(row: SandboxResource) -> str:
    return str(row.attributes["name"])


def _to_gateway(one: MseGateway) -> dict[str, Any]:
    return {
        "GatewayUniqueId": one.id,
        "Id": one.number,
        "Name": one.id,
        "Region": one.region,
        "Status": one.status,
        "ChargeType": "POSTPAY",
        "Spec": "MSE_GTW_2_4_200_c",
        "Replica": 2,
    }


def _build_refusal(status: int, message: str) -> dict[str, Any]:
    """A failure that arrives with HTTP 200."""
    return {"Code": status, "HttpStatusCode": status, "Message": message, "Success": False}
