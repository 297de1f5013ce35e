"""Cloud-native API gateway: domains whose HTTPS settings are replaced as a whole.

Unconfirmed against the real cloud: all error codes, that a listing without a type of gateway shows
all domains, and what a setting that is not sent falls back to.
"""

import time
import uuid
from typing import Any

from sandbox.certificates import read_facts
from sandbox.errors import ApiError
from sandbox.http import Reply
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxResource
from sandbox.service import ServiceCall, build_json_reply
from sandbox.services._identified import build_identifier, find_binding, to_edge_names
from sandbox.services._regions import REGIONS
from sandbox.services._roa import RoaService, read_body, route
from sandbox.store import build_binding

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

    def build_success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """The envelope, in lower case."""
        return build_json_reply(
            200, {"requestId": request_id, "code": "Ok", "message": "", **fields}
        )

    @route("POST", "/v1/regions", "DescribeRegions")
    def regions(self, call: ServiceCall) -> dict[str, Any]:
        """All regions."""
        return {"data": [{"regionId": one, "localName": name} for one, name in REGIONS.items()]}

    @route("GET", "/v1/domains", "ListDomains", resource="nameLike")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """One page of the domains of a region."""
        number = call.params.get_number("pageNumber", 1, high=100_000)
        size = call.params.get_number("pageSize", 10, high=100)
        part = call.params.get("nameLike", "")
        rows = self.cloud.resources.list_of(self.product, call.account.access_key_id)
        own = [row for row in rows if row.attributes["region"] == call.region]
        wanted = [row for row in own if part in row.attributes["name"]]
        shown = [self._to_list_row(call, row) for row in wanted[(number - 1) * size :][:size]]
        paging = {"pageNumber": number, "pageSize": size, "totalSize": len(wanted)}
        return {"data": {"items": shown, **paging}}

    @route("GET", "/v1/domains/{domainId}", "GetDomain", resource="domainId")
    def get_domain(self, call: ServiceCall) -> dict[str, Any]:
        """One domain with all its settings."""
        row = self._get_row(call)
        settings = row.attributes["settings"]
        answer = {
            **self._build_shared(call, row),
            **settings,
            "default": row.attributes["name"] == "*",
        }
        if row.binding:
            facts = read_facts(self.cloud.resources.get_material(row.binding["material"]).pem)
            answer |= {
                "certName": row.binding["name"],
                "algorithm": facts.algorithm,
                "issuer": facts.issuer,
                "sans": ",".join(facts.names),
                "notBeforeTimestamp": int(facts.not_before.timestamp() * 1000),
                "notAfterTimstamp": int(facts.not_after.timestamp() * 1000),
            }
        return {"data": {name: value for name, value in answer.items() if value is not None}}

    @route("PUT", "/v1/domains/{domainId}", "UpdateDomain", resource="domainId")
    def update_domain(self, call: ServiceCall) -> dict[str, Any]:
        """Replace all settings: what is not sent falls back to its default."""
        row, body = self._get_row(call), read_body(call)
        protocol = body.get("protocol")
        if row.attributes["scope"] != "Dedicated" or protocol not in ("HTTP", "HTTPS"):
            raise ApiError("InvalidParameter", "The protocol is not allowed for this domain.")
        binding = None
        if protocol == "HTTPS":
            binding = find_binding(self.cloud, call.account, str(body.get("certIdentifier") or ""))
            if binding is None:
                raise ApiError("NotFound.Certificate", "The certificate does not exist.", 404)
            if not isinstance(body.get("forceHttps"), bool):
                raise ApiError("MissingParameter", "forceHttps is required with HTTPS.")
            if body.get("mTLSEnabled") and not body.get("clientCACert"):
                raise ApiError("MissingParameter", "clientCACert is required with mTLS.")
        row.attributes["settings"] = {name: body.get(name) or DEFAULTS[name] for name in DEFAULTS}
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {"data": {"deployRevisionId": f"apr-{uuid.uuid4().hex[:12]}"}}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"domains": [{"name", "region", "certificate", "scope", "settings": {...}}]}`.

        A domain without certificate speaks HTTP; the domain "*" answers to its certificate's names.
        """
        rows, created = self.cloud.resources.list_of(self.product, account.access_key_id), 0
        existing = {(row.attributes["region"], row.attributes["name"]) for row in rows}
        for one in entry["domains"]:
            region = one.get("region", account.region)
            if not (keep_existing and (region, one["name"]) in existing):
                self.cloud.resources.add(self._build_resource(account, region, one))
                created += 1
        return created

    def _build_resource(
        self, account: SandboxAccount, region: str, one: dict[str, Any]
    ) -> SandboxResource:
        number, owner = f"d-{uuid.uuid4().hex[:16]}", account.access_key_id
        row = SandboxResource(self.product, owner, number, [], time.time())
        names: tuple[str, ...] = (one["name"],)
        if given := one.get("certificate"):
            stored = self.cloud.certificates.put(owner, given["pem"], given["key"])
            row.binding = build_binding(stored)
            names = read_facts(stored.pem).names if one["name"] == "*" else names
        row.hosts = to_edge_names(names)
        row.attributes = {
            "region": region,
            "name": one["name"],
            "scope": one.get("scope", "Dedicated"),
            "settings": {**DEFAULTS, **one.get("settings", {})},
        }
        return row

    def _get_row(self, call: ServiceCall) -> SandboxResource:
        number = call.params["domainId"]
        row = self.cloud.resources.get(self.product, call.account.access_key_id, number)
        if row is None or row.attributes["region"] != call.region:
            raise ApiError("NotFound.Domain", "The domain does not exist.", 404)
        return row

    def _build_shared(self, call: ServiceCall, row: SandboxResource) -> dict[str, Any]:
        bound = (
            {"certIdentifier": build_identifier(call.account, row.binding)} if row.binding else {}
        )
        return {
            "domainId": row.name,
            "name": row.attributes["name"],
            "domainScope": row.attributes["scope"],
            "protocol": "HTTPS" if row.binding else "HTTP",
            "createFrom": "Console",
            "createTimestamp": int(row.created * 1000),
            **bound,
        }

    def _to_list_row(self, call: ServiceCall, row: SandboxResource) -> dict[str, Any]:
        settings = {name: row.attributes["settings"][name] for name in LISTED}
        answer = {**self._build_shared(call, row), **settings, "status": "Published"}
        return {name: value for name, value in answer.items() if value is not None}


SERVICE = Apig
