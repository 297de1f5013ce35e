"""Cloud-native API gateway: domains whose HTTPS settings are replaced as a whole.

Unconfirmed against the real cloud: all error codes, that a listing without a type of gateway shows
all domains, and what a setting that is not sent falls back to.
"""

import time
import uuid
from typing import Any

from sandbox.certificates import read
from sandbox.errors import CloudError
from sandbox.http import Reply
from sandbox.options import Account
from sandbox.resources import Resource
from sandbox.service import Call, json_reply
from sandbox.services._identified import edge_names, identified, identifier
from sandbox.services._regions import REGIONS
from sandbox.services._roa import RoaService, body_of, route
from sandbox.store import bound_to

DEFAULTS: dict[str, Any] = {
    "forceHttps": False,
    "mTLSEnabled": False,
    "http2Option": "GlobalConfig",
    "tlsMin": "TLS 1.0",
    "tlsMax": "TLS 1.3",
    "tlsCipherSuitesConfig": None,
    "caCertIdentifier": None,
    "clientCACert": None,
}
LISTED = ("forceHttps", "mTLSEnabled", "tlsMin", "tlsMax", "clientCACert")


class Apig(RoaService):
    """API version 2024-03-27."""

    product = "apig"
    version = "2024-03-27"

    def success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """The envelope, in lower case."""
        return json_reply(200, {"requestId": request_id, "code": "Ok", "message": "", **fields})

    @route("POST", "/v1/regions", "DescribeRegions")
    def regions(self, call: Call) -> dict[str, Any]:
        """All regions."""
        return {"data": [{"regionId": one, "localName": name} for one, name in REGIONS.items()]}

    @route("GET", "/v1/domains", "ListDomains", resource="nameLike")
    def list_domains(self, call: Call) -> dict[str, Any]:
        """One page of the domains of a region."""
        number = call.params.number("pageNumber", 1, high=100_000)
        size = call.params.number("pageSize", 10, high=100)
        part = call.params.get("nameLike", "")
        rows = self.cloud.resources.of(self.product, call.account.access_key_id)
        own = [row for row in rows if row.attributes["region"] == call.region]
        wanted = [row for row in own if part in row.attributes["name"]]
        shown = [self._listed(call, row) for row in wanted[(number - 1) * size :][:size]]
        paging = {"pageNumber": number, "pageSize": size, "totalSize": len(wanted)}
        return {"data": {"items": shown, **paging}}

    @route("GET", "/v1/domains/{domainId}", "GetDomain", resource="domainId")
    def get_domain(self, call: Call) -> dict[str, Any]:
        """One domain with all its settings."""
        row = self._row(call)
        settings = row.attributes["settings"]
        told = {**self._shared(call, row), **settings, "default": row.attributes["name"] == "*"}
        if row.binding:
            facts = read(self.cloud.resources.material(row.binding["material"]).pem)
            told |= {
                "certName": row.binding["name"],
                "algorithm": facts.algorithm,
                "issuer": facts.issuer,
                "sans": ",".join(facts.names),
                "notBeforeTimestamp": int(facts.not_before.timestamp() * 1000),
                "notAfterTimstamp": int(facts.not_after.timestamp() * 1000),
            }
        return {"data": {name: value for name, value in told.items() if value is not None}}

    @route("PUT", "/v1/domains/{domainId}", "UpdateDomain", resource="domainId")
    def update_domain(self, call: Call) -> dict[str, Any]:
        """Replace all settings: what is not sent falls back to its default."""
        row, body = self._row(call), body_of(call)
        protocol = body.get("protocol")
        if row.attributes["scope"] != "Dedicated" or protocol not in ("HTTP", "HTTPS"):
            raise CloudError("InvalidParameter", "The protocol is not allowed for this domain.")
        binding = None
        if protocol == "HTTPS":
            binding = identified(self.cloud, call.account, str(body.get("certIdentifier") or ""))
            if binding is None:
                raise CloudError("NotFound.Certificate", "The certificate does not exist.", 404)
            if not isinstance(body.get("forceHttps"), bool):
                raise CloudError("MissingParameter", "forceHttps is required with HTTPS.")
            if body.get("mTLSEnabled") and not body.get("clientCACert"):
                raise CloudError("MissingParameter", "clientCACert is required with mTLS.")
        row.attributes["settings"] = {name: body.get(name) or DEFAULTS[name] for name in DEFAULTS}
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"data": {"deployRevisionId": f"apr-{uuid.uuid4().hex[:12]}"}}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
        """`{"domains": [{"name", "region", "certificate", "scope", "settings": {...}}]}`.

        A domain without certificate speaks HTTP; the domain "*" answers to its certificate's names.
        """
        rows, created = self.cloud.resources.of(self.product, account.access_key_id), 0
        places = {(row.attributes["region"], row.attributes["name"]) for row in rows}
        for one in entry["domains"]:
            region = one.get("region", account.region)
            if not (keep and (region, one["name"]) in places):
                self.cloud.resources.add(self._seeded(account, region, one))
                created += 1
        return created

    def _seeded(self, account: Account, region: str, one: dict[str, Any]) -> Resource:
        number, owner = f"d-{uuid.uuid4().hex[:16]}", account.access_key_id
        row = Resource(self.product, owner, number, [], time.time())
        names: tuple[str, ...] = (one["name"],)
        if given := one.get("certificate"):
            stored = self.cloud.certificates.put(owner, given["pem"], given["key"])
            row.binding = bound_to(stored)
            names = read(stored.pem).names if one["name"] == "*" else names
        row.hosts = edge_names(names)
        row.attributes = {
            "region": region,
            "name": one["name"],
            "scope": one.get("scope", "Dedicated"),
            "settings": {**DEFAULTS, **one.get("settings", {})},
        }
        return row

    def _row(self, call: Call) -> Resource:
        number = call.params["domainId"]
        row = self.cloud.resources.get(self.product, call.account.access_key_id, number)
        if row is None or row.attributes["region"] != call.region:
            raise CloudError("NotFound.Domain", "The domain does not exist.", 404)
        return row

    def _shared(self, call: Call, row: Resource) -> dict[str, Any]:
        bound = {"certIdentifier": identifier(call.account, row.binding)} if row.binding else {}
        return {
            "domainId": row.name,
            "name": row.attributes["name"],
            "domainScope": row.attributes["scope"],
            "protocol": "HTTPS" if row.binding else "HTTP",
            "createFrom": "Console",
            "createTimestamp": int(row.created * 1000),
            **bound,
        }

    def _listed(self, call: Call, row: Resource) -> dict[str, Any]:
        settings = {name: row.attributes["settings"][name] for name in LISTED}
        told = {**self._shared(call, row), **settings, "status": "Published"}
        return {name: value for name, value in told.items() if value is not None}


SERVICE = Apig
