"""Object storage: buckets with domains of their own, each with a certificate or none.

A change names the certificate that it replaces, or forces. Unconfirmed against the real cloud: the
general codes beside the documented finer one, those for certificates that do not exist or do not
fit, and whether certificates given as PEM are put into the store (here they are).
"""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.certificates import covers, key_matches, read_facts
from sandbox.cloud import Cloud
from sandbox.errors import ApiError
from sandbox.http import Reply, Request
from sandbox.options import SandboxAccount
from sandbox.resources import SandboxBinding, SandboxResource
from sandbox.service import Params, Service, ServiceCall, operation
from sandbox.services import _oss_fields as fields
from sandbox.services._identified import build_identifier, find_binding, to_edge_names
from sandbox.services._oss_signature import ALGORITHM, verify
from sandbox.state import Table
from sandbox.store import build_binding

CERTIFICATE_CHANGED = "0018-00000209"
ACTIONS = {
    ("GET", False, ()): "ListBuckets",
    ("GET", True, ("cname",)): "ListCname",
    ("POST", True, ("cname", "comp=add")): "PutCname",
}


@dataclass
class Bucket:
    """A bucket, without any objects."""

    account: str
    name: str
    region: str
    created: float


class Oss(Service):
    """REST and XML, with paths of the form /bucket/."""

    product = "oss"
    version = "2019-05-17"

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud)
        self._buckets = Table(cloud.journal, "oss buckets", Bucket)

    def is_for(self, request: Request) -> bool:
        """Whether a request is for this service, which signs in its own way."""
        return request.headers.get("authorization", "").startswith(ALGORITHM)

    def read(self, request: Request) -> ServiceCall:
        """Verify and decode a request; raises ApiError."""
        account, region = verify(request, self.cloud.accounts)
        bucket = request.path.strip("/")
        query = parse_qsl(request.query, keep_blank_values=True)
        known = [(name, value) for name, value in query if name in ("cname", "comp")]
        marks = tuple(sorted(f"{name}={value}".rstrip("=") for name, value in known))
        action = ACTIONS.get((request.method, bool(bucket), marks))
        if action is None:
            raise ApiError("NotImplemented", "The practice cloud has no such operation.", 501)
        params = Params(query) | {"Region": region, "Bucket": bucket}
        if request.body:
            params |= fields.parse_xml(request.body)
        return ServiceCall(request, account, action, Params(params))

    def build_success(self, fields_: dict[str, Any], request_id: str) -> Reply:
        """An answer in XML."""
        reply = fields.build_xml_reply(200, fields_)
        reply.headers["x-oss-request-id"] = request_id
        return reply

    def build_failure(self, error: ApiError, request: Request, request_id: str) -> Reply:
        """An error in XML; flow control has its own words here."""
        code, status = error.code, error.status
        if code.startswith("Throttling"):
            code, status = "SlowDown", 503
        answer = {
            "Code": code,
            "Message": error.message,
            "RequestId": request_id,
            "HostId": request.headers.get("host", ""),
            "EC": error.headers.get("x-oss-ec", "0000-00000000"),
        }
        reply = fields.build_xml_reply(status, {"Error": answer})
        reply.headers |= {**error.headers, "x-oss-request-id": request_id}
        return reply

    @operation("ListBuckets")
    def list_buckets(self, call: ServiceCall) -> dict[str, Any]:
        """The account's buckets of all regions by name; of paging only if there are more."""
        marker, most = (
            call.params.get("marker", ""),
            call.params.get_number("max-keys", 100, high=1000),
        )
        own = [one for one in self._buckets if one.account == call.account.access_key_id]
        rows = sorted((one for one in own if one.name > marker), key=lambda one: one.name)
        shown, more = rows[:most], len(rows) > most
        listed = [fields.to_bucket(one.name, one.region, one.created) for one in shown]
        paging = {"Marker": marker, "MaxKeys": most, "IsTruncated": "true"}
        return {
            "ListAllMyBucketsResult": {
                "Owner": {"ID": "10000001", "DisplayName": "10000001"},
                **({**paging, "NextMarker": shown[-1].name} if more else {}),
                "Buckets": {"Bucket": listed},
            }
        }

    @operation("ListCname", resource="Bucket")
    def list_cnames(self, call: ServiceCall) -> dict[str, Any]:
        """The domains of a bucket with their certificates."""
        bucket = self._get_bucket(call)
        rows = [
            row
            for row in self.cloud.resources.list_of(self.product, call.account.access_key_id)
            if row.attributes["bucket"] == bucket.name
        ]
        answer = [
            fields.to_cname(row, self._to_certificate(call.account, row.binding)) for row in rows
        ]
        return {"ListCnameResult": {"Bucket": bucket.name, "Owner": "10000001", "Cname": answer}}

    @operation("PutCname", resource="Domain")
    def put_cname(self, call: ServiceCall) -> dict[str, Any]:
        """Set the certificate of a domain that the bucket has, or take it away."""
        params = call.params
        name = f"{self._get_bucket(call).name}/{params.require('Domain')}"
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None or row.attributes["wildcard"] != params.get_flag("IsWildCard"):
            message = "You must verify that you own the domain."
            raise ApiError("NeedVerifyDomainOwnership", message, 403)
        if params.get_flag("DeleteCertificate"):
            if "Force" in params:
                message = "The XML you provided was not well-formed."
                raise ApiError("MalformedXML", message)
            self.cloud.resources.bind(row, None, unserved=call.unserved)
            return {}
        binding = self._choose_binding(call)
        self._check_previous(call, row)
        if not covers(read_facts(self._get_pem(binding)).names, _to_dotted(row)):
            raise ApiError("InvalidArgument", "The certificate does not match the domain.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: SandboxAccount, entry: dict[str, Any], *, keep_existing: bool) -> int:
        """`{"buckets": [{"name", "region", "cnames": [{"domain", "certificate", ...}]}]}`.

        `certificate` is `{"pem", "key"}` or null. A cname may also have `status` ("Enabled" or
        "Disabled"), `wildcard` (its domain then has no "*.") and `type` ("CAS" or "Upload").
        """
        owner, created = account.access_key_id, 0
        for one in entry["buckets"]:
            region = one.get("region", account.region)
            bucket = Bucket(owner, one["name"], region, time.time())
            self._buckets.save(f"{owner}/{bucket.name}", bucket)
            for cname in one.get("cnames", []):
                row = self._build_resource(account, bucket.name, cname)
                if not (keep_existing and self.cloud.resources.get(self.product, owner, row.name)):
                    self.cloud.resources.add(row)
                created += 1
        return created

    def _build_resource(
        self, account: SandboxAccount, bucket: str, one: dict[str, Any]
    ) -> SandboxResource:
        domain, wildcard = one["domain"], bool(one.get("wildcard", False))
        hosts = [f".{domain}"] if wildcard else to_edge_names((domain,))
        owner = account.access_key_id
        row = SandboxResource(self.product, owner, f"{bucket}/{domain}", hosts, time.time())
        row.attributes = {
            "bucket": bucket,
            "domain": domain,
            "wildcard": wildcard,
            "status": one.get("status", "Enabled"),
        }
        if given := one.get("certificate"):
            row.binding = self._build_seed_binding(
                owner, given["pem"], given["key"], one.get("type", "CAS")
            )
        return row

    def _build_seed_binding(self, owner: str, pem: str, key: str, kind: str) -> SandboxBinding:
        if kind == "CAS":
            return build_binding(self.cloud.certificates.put(owner, pem, key))
        return SandboxBinding(
            kind="upload",
            material=self.cloud.resources.save_material(pem, key),
            fingerprint=read_facts(pem).sha256,
            cert_id=None,
            name="",
            since=time.time(),
        )

    def _get_bucket(self, call: ServiceCall) -> Bucket:
        name = call.params.require("Bucket")
        bucket = self._buckets.get(f"{call.account.access_key_id}/{name}")
        if bucket is None:
            raise ApiError("NoSuchBucket", "The specified bucket does not exist.", 404)
        if call.params["Region"] != bucket.region:
            message = "Invalid signing region in Authorization header."
            raise ApiError("InvalidArgument", message)
        return bucket

    def _to_certificate(
        self, account: SandboxAccount, binding: SandboxBinding | None
    ) -> dict[str, Any] | None:
        if binding is None:
            return None
        return fields.to_certificate(account, binding, read_facts(self._get_pem(binding)))

    def _get_pem(self, binding: SandboxBinding) -> str:
        return self.cloud.resources.get_material(binding["material"]).pem

    def _choose_binding(self, call: ServiceCall) -> SandboxBinding:
        params = call.params
        if "CertId" in params:
            binding = find_binding(self.cloud, call.account, params["CertId"])
            if binding is None:
                raise ApiError("NoSuchCertificate", "The certificate does not exist.", 404)
            return binding
        pem, key = params.require("Certificate"), params.require("PrivateKey")
        try:
            matches = key_matches(pem, key)
        except ValueError:
            matches = False
        if not matches:
            raise ApiError("InvalidArgument", "The certificate or the private key is invalid.")
        return build_binding(self.cloud.certificates.put(call.account.access_key_id, pem, key))

    def _check_previous(self, call: ServiceCall, row: SandboxResource) -> None:
        """Refuse a change that neither forces nor names the certificate that is there."""
        if call.params.get_flag("Force"):
            return
        has_number = row.binding is not None and row.binding["cert_id"] is not None
        present = build_identifier(call.account, row.binding) if has_number else None
        if call.params.get("PreviousCertId") != present or present is None:
            message = "The previous certificate id does not match."
            raise ApiError("InvalidArgument", message, 400, {"x-oss-ec": CERTIFICATE_CHANGED})


SERVICE = Oss


def _to_dotted(row: SandboxResource) -> str:
    domain = str(row.attributes["domain"])
    return f".{domain}" if row.attributes["wildcard"] else domain.removeprefix("*")
