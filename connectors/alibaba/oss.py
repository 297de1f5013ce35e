"""Object Storage Service (OSS): a bucket's own domains, each with one certificate or none.

API: https://api.alibabacloud.com/document/Oss/2019-05-17/PutCname and
https://help.aliyun.com/zh/oss/user-guide/0018-00000209 for a certificate that changed meanwhile

What it serves: one certificate for each domain of a bucket. A certificate that was uploaded to a
bucket alone is searched in the store by its digest. If it is not there, it cannot be restored.

How a certificate is bound: `PutCname` names the certificate that it replaces, and the service
refuses the change if another one is there by then. So neither a deployment nor a rollback
overwrites what someone else has just bound. A change is forced only where a domain has no
certificate, or one without an identifier. A removal is never sent together with force, which the
service calls malformed. The service fetches the certificate with the caller's rights: the RAM user
needs three permissions of the certificate store, which a check cannot try by reading.

Unconfirmed:
* The identifier alone is enough to set a certificate.
* How wildcard domains are written; both forms, with and without "*.", are read.
* Whether a removal may name the certificate that it removes; it does not, so only what was read
  protects it.

Limits: no rate limit and no propagation time is documented. Five calls a second and five minutes
are this project's own choice.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.oss_client import CERTIFICATE_CHANGED, OssClient
from connectors.alibaba._bases.base import list_missing_permissions
from connectors.alibaba._bases.stored import StoredConnector
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.certificates.hostnames import to_canonical
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Page, Resource

BUCKETS_PER_PAGE = 50
ONLY_IN_BUCKET = "it serves a certificate that was uploaded to the bucket alone"
STORE_PERMISSIONS = (
    "yundun-cert:DescribeSSLCertificatePrivateKey",
    "yundun-cert:DescribeSSLCertificatePublicKeyDetail",
    "yundun-cert:CreateSSLCertificate",
)


class Oss(StoredConnector):
    """Domains of buckets."""

    title = "Object Storage Service (OSS)"
    api = Api(
        ram="oss",
        version="2019-05-17",
        hosts=dict.fromkeys(Site, "oss-{region}.aliyuncs.com"),
        rules=(
            ErrorRule(
                CERTIFICATE_CHANGED,
                Transient,
                "Its certificate was changed in this moment: it is read again and compared.",
            ),
            ErrorRule("SlowDown", Transient),
            ErrorRule(
                "AccessDenied",
                NeedsOperator,
                f"Grant {{permission}} and {', '.join(STORE_PERMISSIONS)} "
                "to this account's RAM user.",
            ),
            ErrorRule("RequestTimeTooSkewed", NeedsOperator, "Set this machine's clock."),
            ErrorRule(
                "NeedVerifyDomainOwnership", NeedsOperator, "Verify who owns the domain first."
            ),
            ErrorRule("NoSuch*", Permanent),
            ErrorRule("MalformedXML", Permanent),
        ),
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = (
        "oss:ListBuckets",
        "oss:ListCname",
        "oss:PutCname",
        *STORE_PERMISSIONS,
        *PERMISSIONS,
    )
    queries_per_second = 5
    calls_per_change = 4
    propagation = timedelta(minutes=5)

    def prepare(self) -> None:
        """Object storage has its own client."""
        super().prepare()
        self.oss = OssClient(self._settings, self.api, self.rate_limit)

    def discover(self, page: str | None = None) -> Page:
        """The domains of 50 buckets a page, with what they serve: one call for each bucket."""
        reply = self.oss.list_buckets(page, BUCKETS_PER_PAGE)
        found = [one for bucket in reply.buckets or [] for one in self._list_in_bucket(bucket)]
        return Page(resources=tuple(found), next=(reply.next_marker or None))

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves."""
        return self._to_binding(self._get_certificate(resource))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call, after one that reads what is to be replaced; none if `ref` is there already."""
        present = self._get_certificate(resource)
        if _is_serving(present, ref):
            return
        previous = getattr(present, "cert_id", None)
        if ref is None:
            change: dict[str, object] = {"delete_certificate": True}
        elif previous:
            change = {"cert_id": ref.fields["identifier"], "previous_cert_id": previous}
        else:
            change = {"cert_id": ref.fields["identifier"], "force": True}
        detail = resource.detail
        wildcard = detail["wildcard"] == "yes"
        self.oss.put_cname(detail["bucket"], resource.region, detail["domain"], wildcard, **change)

    def has_arrived(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        return _is_serving(self._get_certificate(resource), ref)

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate of the bucket alone, or one that the store has lost, cannot return."""
        if before is not None and before.ref is None:
            return ONLY_IN_BUCKET
        return super().explain_not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists a bucket and its domains; setting is not tried, nor what that needs elsewhere."""
        return list_missing_permissions(
            [
                ("oss:ListBuckets", lambda: self.oss.list_buckets(None, 1)),
                ("oss:ListCname", self._probe_cnames),
                *self.list_store_probes(),
            ]
        )

    def _probe_cnames(self) -> None:
        for bucket in self.oss.list_buckets(None, 1).buckets or []:
            self.oss.list_cnames(bucket.name, _get_region(bucket))

    def _list_in_bucket(self, bucket: Any) -> list[DiscoveredResource]:
        region = _get_region(bucket)
        if self._settings.regions and region not in self._settings.regions:
            return []
        try:
            cnames = self.oss.list_cnames(bucket.name, region)
        except Permanent as error:
            if error.code != "NoSuchBucket":
                raise
            return []  # deleted since it was listed
        return [self._build_found(bucket.name, region, cname) for cname in cnames]

    def _build_found(self, bucket: str, region: str, cname: Any) -> DiscoveredResource:
        written, wildcard = str(cname.domain), bool(cname.is_wild_card)
        name = to_canonical(f"*.{written}" if wildcard and not written.startswith("*") else written)
        resource = Resource(
            account=self.account,
            service=self.service,
            key=f"{bucket}/{name or written}",
            region=region,
            domains=(name,) if name else (),
            state="online" if cname.status in (None, "Enabled") else str(cname.status).lower(),
            detail={
                "bucket": bucket,
                "domain": written,
                "wildcard": "yes" if wildcard else "no",
            },
        )
        binding = self._to_binding(cname.certificate)
        return DiscoveredResource(resource=resource, binding=binding, binding_known=True)

    def _get_certificate(self, resource: Resource) -> Any:
        """What the service tells of the domain's certificate; None for none."""
        wanted = resource.detail
        for cname in self.oss.list_cnames(wanted["bucket"], resource.region):
            wildcard = "yes" if cname.is_wild_card else "no"
            if (cname.domain, wildcard) == (wanted["domain"], wanted["wildcard"]):
                return cname.certificate
        raise Permanent(f"the bucket has no domain {wanted['domain']} any more", code="NoSuchCname")

    def _to_binding(self, certificate: Any) -> Binding | None:
        if certificate is None:
            return None
        if certificate.cert_id:
            return self.get_binding(certificate.cert_id)
        digest = str(certificate.fingerprint or "").replace(":", "").lower()
        found = self.cas.find_by_digest(digest) if digest else None
        if found is not None:
            return self.get_binding(found.fields["identifier"])
        return Binding(name=digest or None, not_after=_parse_time(certificate.valid_end_date))


def _is_serving(certificate: Any, ref: CertificateRef | None) -> bool:
    if certificate is None or ref is None:
        return certificate is None and ref is None
    return bool(certificate.cert_id == ref.fields["identifier"])


def _get_region(bucket: Any) -> str:
    return str(bucket.region or str(bucket.location or "").removeprefix("oss-"))


def _parse_time(text: str | None) -> datetime | None:
    return parsedate_to_datetime(text).astimezone(UTC) if text else None
