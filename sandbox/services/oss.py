"""Object storage: buckets with domains of their own, each with a certificate or none.

A change names the certificate that it replaces, or forces. Unconfirmed against the real cloud: the
general codes beside the documented finer one, those for certificates that do not exist or do not
fit, and whether certificates given as PEM come to lie in the store (here they do).
"""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.certificates import covers, key_matches, read
from sandbox.cloud import Cloud
from sandbox.errors import CloudError
from sandbox.http import Reply, Request
from sandbox.options import Account
from sandbox.resources import Binding, Resource
from sandbox.service import Call, Params, Service, operation
from sandbox.services import _oss_fields as fields
from sandbox.services._identified import edge_names, identified, identifier
from sandbox.services._oss_signature import ALGORITHM, verify
from sandbox.state import Table
from sandbox.store import bound_to

CERTIFICATE_CHANGED = "0018-00000209"
ACTIONS = {
    ("GET", False, ()): "ListBuckets",
    ("GET", True, ("cname",)): "ListCname",
    ("POST", True, ("cname", "comp=add")): "PutCname",
}


@dataclass
class Bucket:
    """A place for objects, of which the practice cloud keeps none."""

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

    def claims(self, request: Request) -> bool:
        """Whether a request is for this service, which signs in its own way."""
        return request.headers.get("authorization", "").startswith(ALGORITHM)

    def read(self, request: Request) -> Call:
        """Verify and decode a request; raises CloudError."""
        account, region = verify(request, self.cloud.accounts)
        bucket = request.path.strip("/")
        query = parse_qsl(request.query, keep_blank_values=True)
        known = [(name, value) for name, value in query if name in ("cname", "comp")]
        marks = tuple(sorted(f"{name}={value}".rstrip("=") for name, value in known))
        action = ACTIONS.get((request.method, bool(bucket), marks))
        if action is None:
            raise CloudError("NotImplemented", "The practice cloud has no such operation.", 501)
        params = Params(query) | {"Region": region, "Bucket": bucket}
        if request.body:
            params |= fields.from_xml(request.body)
        return Call(request, account, action, Params(params))

    def success(self, fields_: dict[str, Any], request_id: str) -> Reply:
        """An answer in XML."""
        reply = fields.xml_reply(200, fields_)
        reply.headers["x-oss-request-id"] = request_id
        return reply

    def failure(self, error: CloudError, request: Request, request_id: str) -> Reply:
        """An error in XML; flow control has its own words here."""
        code, status = error.code, error.status
        if code.startswith("Throttling"):
            code, status = "SlowDown", 503
        told = {
            "Code": code,
            "Message": error.message,
            "RequestId": request_id,
            "HostId": request.headers.get("host", ""),
            "EC": error.headers.get("x-oss-ec", "0000-00000000"),
        }
        reply = fields.xml_reply(status, {"Error": told})
        reply.headers |= {**error.headers, "x-oss-request-id": request_id}
        return reply

    @operation("ListBuckets")
    def list_buckets(self, call: Call) -> dict[str, Any]:
        """The account's buckets of all regions by name; of paging only if there are more."""
        marker, most = call.params.get("marker", ""), call.params.number("max-keys", 100, high=1000)
        own = [one for one in self._buckets if one.account == call.account.access_key_id]
        rows = sorted((one for one in own if one.name > marker), key=lambda one: one.name)
        shown, more = rows[:most], len(rows) > most
        listed = [fields.bucket(one.name, one.region, one.created) for one in shown]
        paging = {"Marker": marker, "MaxKeys": most, "IsTruncated": "true"}
        return {
            "ListAllMyBucketsResult": {
                "Owner": {"ID": "10000001", "DisplayName": "10000001"},
                **({**paging, "NextMarker": shown[-1].name} if more else {}),
                "Buckets": {"Bucket": listed},
            }
        }

    @operation("ListCname", resource="Bucket")
    def list_cnames(self, call: Call) -> dict[str, Any]:
        """The domains of a bucket with their certificates."""
        bucket = self._bucket(call)
        rows = [
            row
            for row in self.cloud.resources.of(self.product, call.account.access_key_id)
            if row.attributes["bucket"] == bucket.name
        ]
        told = [fields.cname(row, self._told(call.account, row.binding)) for row in rows]
        return {"ListCnameResult": {"Bucket": bucket.name, "Owner": "10000001", "Cname": told}}

    @operation("PutCname", resource="Domain")
    def put_cname(self, call: Call) -> dict[str, Any]:
        """Set the certificate of a domain that the bucket has, or take it away."""
        params = call.params
        name = f"{self._bucket(call).name}/{params.need('Domain')}"
        row = self.cloud.resources.get(self.product, call.account.access_key_id, name)
        if row is None or row.attributes["wildcard"] != params.flag("IsWildCard"):
            message = "You must verify that you own the domain."
            raise CloudError("NeedVerifyDomainOwnership", message, 403)
        if params.flag("DeleteCertificate"):
            if "Force" in params:
                message = "The XML you provided was not well-formed."
                raise CloudError("MalformedXML", message)
            self.cloud.resources.bind(row, None, unserved=call.unserved)
            return {}
        binding = self._chosen(call)
        self._compare(call, row)
        if not covers(read(self._pem(binding)).names, _dotted(row)):
            raise CloudError("InvalidArgument", "The certificate does not match the domain.")
        self.cloud.resources.bind(row, binding, unserved=call.unserved)
        return {}

    def seed(self, account: Account, entry: dict[str, Any], *, keep: bool) -> int:
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
                row = self._seeded(account, bucket.name, cname)
                if not (keep and self.cloud.resources.get(self.product, owner, row.name)):
                    self.cloud.resources.add(row)
                created += 1
        return created

    def _seeded(self, account: Account, bucket: str, one: dict[str, Any]) -> Resource:
        domain, wildcard = one["domain"], bool(one.get("wildcard", False))
        hosts = [f".{domain}"] if wildcard else edge_names((domain,))
        owner = account.access_key_id
        row = Resource(self.product, owner, f"{bucket}/{domain}", hosts, time.time())
        row.attributes = {
            "bucket": bucket,
            "domain": domain,
            "wildcard": wildcard,
            "status": one.get("status", "Enabled"),
        }
        if given := one.get("certificate"):
            row.binding = self._bound(owner, given["pem"], given["key"], one.get("type", "CAS"))
        return row

    def _bound(self, owner: str, pem: str, key: str, kind: str) -> Binding:
        if kind == "CAS":
            return bound_to(self.cloud.certificates.put(owner, pem, key))
        return Binding(
            kind="upload",
            material=self.cloud.resources.keep_material(pem, key),
            fingerprint=read(pem).sha256,
            cert_id=None,
            name="",
            since=time.time(),
        )

    def _bucket(self, call: Call) -> Bucket:
        name = call.params.need("Bucket")
        bucket = self._buckets.get(f"{call.account.access_key_id}/{name}")
        if bucket is None:
            raise CloudError("NoSuchBucket", "The specified bucket does not exist.", 404)
        if call.params["Region"] != bucket.region:
            message = "Invalid signing region in Authorization header."
            raise CloudError("InvalidArgument", message)
        return bucket

    def _told(self, account: Account, binding: Binding | None) -> dict[str, Any] | None:
        if binding is None:
            return None
        return fields.certificate(account, binding, read(self._pem(binding)))

    def _pem(self, binding: Binding) -> str:
        return self.cloud.resources.material(binding["material"]).pem

    def _chosen(self, call: Call) -> Binding:
        params = call.params
        if "CertId" in params:
            binding = identified(self.cloud, call.account, params["CertId"])
            if binding is None:
                raise CloudError("NoSuchCertificate", "The certificate does not exist.", 404)
            return binding
        pem, key = params.need("Certificate"), params.need("PrivateKey")
        try:
            matches = key_matches(pem, key)
        except ValueError:
            matches = False
        if not matches:
            raise CloudError("InvalidArgument", "The certificate or the private key is invalid.")
        return bound_to(self.cloud.certificates.put(call.account.access_key_id, pem, key))

    def _compare(self, call: Call, row: Resource) -> None:
        """Refuse a change that neither forces nor names the certificate that is there."""
        if call.params.flag("Force"):
            return
        has_number = row.binding is not None and row.binding["cert_id"] is not None
        present = identifier(call.account, row.binding) if has_number else None
        if call.params.get("PreviousCertId") != present or present is None:
            message = "The previous certificate id does not match."
            raise CloudError("InvalidArgument", message, 400, {"x-oss-ec": CERTIFICATE_CHANGED})


SERVICE = Oss


def _dotted(row: Resource) -> str:
    domain = str(row.attributes["domain"])
    return f".{domain}" if row.attributes["wildcard"] else domain.removeprefix("*")
