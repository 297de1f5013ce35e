"""Function Compute, versions 3.0 and 2.0: custom domains that take certificates as PEM.

Each version has its own domains. Private keys are accepted in the older form only, and no answer
ever holds one.

Unconfirmed against the real cloud: that EC keys are taken like RSA keys, that what is not sent
stays as it is, and the form of version 2.0's errors.
"""

import time
from datetime import UTC, datetime
from typing import Any

from sandbox.errors import ApiError
from sandbox.http import Reply, Request
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import ServiceCall, build_json_reply
from sandbox.services._identified import to_edge_names
from sandbox.services._pem import build_upload_binding, find_problem
from sandbox.services._roa import RoaService, read_body, route

V3, V2 = "2023-03-30", "2021-04-06"
VERSIONS = {"3.0": V3, "2.0": V2}
PROTOCOLS = ("HTTP", "HTTPS", "HTTP,HTTPS")
SETTINGS = ("routeConfig", "tlsConfig", "wafConfig", "authConfig", "corsConfig")
OLDER_KEY_LABELS = ("-----BEGIN RSA PRIVATE KEY-----", "-----BEGIN EC PRIVATE KEY-----")


class FunctionCompute(RoaService):
    """Both versions."""

    product = "function_compute"
    version = V3

    def is_for(self, request: Request) -> bool:
        """Whether a request is for one of the versions."""
        return request.headers.get("x-acs-version") in VERSIONS.values()

    def read(self, request: Request) -> ServiceCall:
        """As for all, and the path names the version once more."""
        call = super().read(request)
        if call.params["version"] != request.headers["x-acs-version"]:
            raise ApiError("NoSuchVersion", "The version is not supported.", 404)
        return call

    def build_success(self, fields: dict[str, Any], request_id: str) -> Reply:
        """The object itself, without an envelope."""
        return build_json_reply(200, fields)

    def build_failure(self, error: ApiError, request: Request, request_id: str) -> Reply:
        """An error in the version's own words."""
        if request.headers.get("x-acs-version") == V3:
            return super().build_failure(error, request, request_id)
        body = {"ErrorCode": error.code, "ErrorMessage": error.message, "RequestId": request_id}
        reply = build_json_reply(error.status, body)
        reply.headers.update(error.headers)
        return reply

    @route("GET", "/{version}/custom-domains", "ListCustomDomains", resource="prefix")
    def list_domains(self, call: ServiceCall) -> dict[str, Any]:
        """Domains of a region from a token on, 100 at most."""
        size = call.params.get_number("limit", 20, high=100)
        start = call.params.get_number("nextToken", 0, low=0)
        prefix = call.params.get("prefix", "")
        scope = (call.params["version"], call.region)
        rows = [
            row
            for row in self.cloud.resources.list_of(self.product, call.account.access_key_id)
            if _get_scope(row) == scope and row.attributes["name"].startswith(prefix)
        ]
        following = {"nextToken": str(start + size)} if start + size < len(rows) else {}
        return {"customDomains": [self._to_domain(row) for row in rows[start:][:size]], **following}

    @route("GET", "/{version}/custom-domains/{domain}", "GetCustomDomain", resource="domain")
    def get_domain(self, call: ServiceCall) -> dict[str, Any]:
        """One domain."""
        return self._to_domain(self._get_row(call))

    @route("PUT", "/{version}/custom-domains/{domain}", "UpdateCustomDomain", resource="domain")
    def update_domain(self, call: ServiceCall) -> dict[str, Any]:
        """Change what is sent; HTTPS needs a certificate with its key."""
        row, body = self._get_row(call), read_body(call)
        protocol = body.get("protocol", row.attributes["protocol"])
        if protocol not in PROTOCOLS:
            raise ApiError("InvalidArgument", "protocol is invalid")
        binding = row.binding
        if given := body.get("certConfig"):
            binding = self._read_given(given)
        if "HTTPS" not in protocol:
            binding = None
        elif binding is None:
            raise ApiError("InvalidArgument", "certConfig is required with HTTPS")
        row.attributes["protocol"] = protocol
        row.attributes["settings"] |= {name: body[name] for name in SETTINGS if name in body}
        row.attributes["modified"] = time.time()
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return self._to_domain(row)

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"domains": [{"name", "region", "version": "3.0" | "2.0", "certificate", ...}]}`.

        Further fields are `protocol` and further settings: `tlsConfig`, `routeConfig` and so
        on. A domain without certificate speaks HTTP.
        """
        created = 0
        for one in entry["domains"]:
            row = self._build_resource(account, one)
            existing = self.cloud.resources.get(self.product, row.account, row.name)
            if not (keep_existing and existing):
                self.cloud.resources.add(row)
                created += 1
        return created

    def _build_resource(self, account: SandboxAccount, one: dict[str, Any]) -> SandboxResource:
        version, region = VERSIONS[one.get("version", "3.0")], one.get("region", account.region)
        name, owner, now = one["name"], account.access_key_id, time.time()
        row = SandboxResource(
            self.product, owner, f"{version}/{region}/{name}", to_edge_names((name,)), now
        )
        if given := one.get("certificate"):
            row.binding = build_upload_binding(self.cloud, "seed", given["pem"], given["key"])
        row.attributes = {
            "version": version,
            "region": region,
            "name": name,
            "protocol": one.get("protocol", "HTTP,HTTPS" if row.binding else "HTTP"),
            "settings": {each: one[each] for each in SETTINGS if each in one},
            "modified": now,
        }
        return row

    def _read_given(self, given: dict[str, str]) -> SandboxBinding:
        for name in ("certName", "certificate", "privateKey"):
            if not given.get(name):
                raise ApiError("InvalidArgument", f"certConfig.{name} is required")
        pem, key = given["certificate"], given["privateKey"]
        if not key.startswith(OLDER_KEY_LABELS):
            raise ApiError("InvalidArgument", "'private key' has to be in PEM format")
        if wrong := find_problem(pem, key):
            raise ApiError("InvalidArgument", wrong)
        return build_upload_binding(self.cloud, given["certName"], pem, key)

    def _get_row(self, call: ServiceCall) -> SandboxResource:
        name = f"{call.params['version']}/{call.region}/{call.params['domain']}"
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None:
            raise ApiError("DomainNameNotFound", "The custom domain does not exist.", 404)
        return row

    def _to_domain(self, row: SandboxResource) -> dict[str, Any]:
        secured = {}
        if row.binding:
            pem = self.cloud.resources.get_material(row.binding["material"]).pem
            secured = {"certConfig": {"certName": row.binding["name"], "certificate": pem}}
        return {
            "domainName": row.attributes["name"],
            "protocol": row.attributes["protocol"],
            "apiVersion": row.attributes["version"],
            "createdTime": _format_time(row.created),
            "lastModifiedTime": _format_time(row.attributes["modified"]),
            **row.attributes["settings"],
            **secured,
        }


SERVICE = FunctionCompute


def _get_scope(row: SandboxResource) -> tuple[str, str]:
    return row.attributes["version"], row.attributes["region"]


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
