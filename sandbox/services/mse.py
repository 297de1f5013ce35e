"""MSE's cloud-native gateways: domains that are published again after each change.

Errors of the product itself come with HTTP 200 and `Success` false.

Unconfirmed against the real cloud: that a name in the listing of domains must be the whole name,
and the code inside the envelope for a certificate or a domain that does not exist.
"""

import time
from dataclasses import dataclass
from typing import Any

from sandbox.certificates import read
from sandbox.cloud import Cloud
from sandbox.http import Reply
from sandbox.options import Account
from sandbox.resources import Resource
from sandbox.service import Call, Service, json_reply, operation
from sandbox.services._identified import edge_names, identified, identifier
from sandbox.services._regions import REGIONS
from sandbox.state import Table
from sandbox.store import bound_to

RUNNING, PUBLISHING, PUBLISHED = 2, 2, 3


@dataclass
class Gateway:
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
        self._gateways = Table(cloud.journal, "mse_gateways", Gateway)

    def success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """The envelope, whose code alone tells success from failure."""
        envelope = {"Code": 200, "HttpStatusCode": 200, "Message": "", "Success": True, **fields}
        return json_reply(200, {"RequestId": request_id, **envelope})

    @operation("QueryGatewayRegion")
    def regions(self, call: Call) -> dict[str, Any]:
        """All regions."""
        return {"Data": [*REGIONS]}

    @operation("ListGateway")
    def list_gateways(self, call: Call) -> dict[str, Any]:
        """One page of the gateways of a region."""
        number = call.params.number("PageNumber", 1, high=100_000)
        size = call.params.number("PageSize", 10, high=100)
        owner = call.account.access_key_id
        own = [one for one in self._gateways if (one.account, one.region) == (owner, call.region)]
        shown = own[(number - 1) * size : number * size]
        paging = {"PageNumber": number, "PageSize": size, "TotalSize": len(own)}
        return {"Data": {"Result": [_gateway(one) for one in shown], **paging}}

    @operation("ListGatewayDomain", resource="DomainName")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """All domains of a gateway, or those of one name."""
        gateway, name = self._gateway(call), call.params.get("DomainName")
        if gateway is None:
            return _refused(404, "The gateway does not exist.")
        rows = [row for row in self._rows(call.account, gateway) if name in (None, _name(row))]
        return {"Data": [self._told(call.account, row) for row in rows]}

    @operation("UpdateSSLCert", resource="DomainId")
    def update_certificate(self, call: Call) -> dict[str, Any]:
        """Replace the certificate of an HTTPS domain; it is published anew."""
        text = call.params.need("CertIdentifier")
        gateway, number = self._gateway(call), call.params.number("DomainId", 0)
        rows = self._rows(call.account, gateway) if gateway else []
        row = next((one for one in rows if one.attributes["id"] == number), None)
        binding = identified(self.cloud, call.account, text)
        if row is None or binding is None:
            return _refused(404, "The domain or the certificate does not exist.")
        if row.binding is None:
            return _refused(400, "The domain does not speak HTTPS.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"Data": True}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"gateways": [{"id", "region", "domains": [{"name", "certificate", "status"}]}]}`.

        A domain without certificate speaks HTTP; the domain "*" answers to its certificate's names.
        """
        created, owner = 0, account.access_key_id
        for one in entry["gateways"]:
            if keep and self._gateways.get(f"{owner}/{one['id']}"):
                continue
            number = self.cloud.counters.next("mse_gateway", 2001)
            region = one.get("region", account.region)
            gateway = Gateway(one["id"], number, owner, region, time.time())
            self._gateways.save(f"{owner}/{gateway.id}", gateway)
            for domain in one.get("domains", []):
                self._seed_domain(account, gateway, domain)
                created += 1
        return created

    def _seed_domain(self, account: Account, gateway: Gateway, one: dict[str, Any]) -> None:
        number, owner = self.cloud.counters.next("mse_domain", 3001), account.access_key_id
        row = Resource(self.product, owner, f"{gateway.id}/{number}", [], time.time())
        names: tuple[str, ...] = (one["name"],)
        if given := one.get("certificate"):
            stored = self.cloud.certificates.put(owner, given["pem"], given["key"])
            row.binding = bound_to(stored)
            names = read(stored.pem).names if one["name"] == "*" else names
        row.hosts = edge_names(names)
        status = one.get("status", PUBLISHED)
        row.attributes = {
            "gateway": gateway.id,
            "id": number,
            "name": one["name"],
            "status": status,
        }
        self.cloud.resources.add(row)

    def _gateway(self, call: Call) -> Gateway | None:
        key = f"{call.account.access_key_id}/{call.params.need('GatewayUniqueId')}"
        gateway = self._gateways.get(key)
        return gateway if gateway and gateway.region == call.region else None

    def _rows(self, account: Account, gateway: Gateway) -> list[Resource]:
        rows = self.cloud.resources.of(self.product, account.access_key_id)
        return [row for row in rows if row.attributes["gateway"] == gateway.id]

    def _told(self, account: Account, row: Resource) -> dict[str, Any]:
        secured: dict[str, Any] = {"Protocol": "HTTP", "MustHttps": False}
        if row.binding:
            facts = read(self.cloud.resources.material(row.binding["material"]).pem)
            secured = {
                "Protocol": "HTTPS",
                "MustHttps": True,
                "CertIdentifier": identifier(account, row.binding),
                "CertBeforeDate": facts.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "TlsMin": "TLS 1.2",
                "TlsMax": "TLS 1.3",
            }
        return {
            "Id": row.attributes["id"],
            "Name": _name(row),
            "Http2": "open",
            "IsManaged": False,
            "Type": "Op",
            "Status": row.attributes["status"] if row.settled else PUBLISHING,
            **secured,
        }


SERVICE = Mse


def _name(row: Resource) -> str:
    return str(row.attributes["name"])


def _gateway(one: Gateway) -> dict[str, Any]:
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


def _refused(status: int, message: str) -> dict[str, Any]:
    """A failure that arrives with HTTP 200."""
    return {"Code": status, "HttpStatusCode": status, "Message": message, "Success": False}
