"""Object Storage Service (OSS): a bucket's own domains, each with one certificate or none.

A change says which certificate it replaces, and the service refuses it if another is there by
then; so neither a deployment nor a rollback overwrites what someone else has just bound. Only
where a domain has no certificate, or one without an identifier, is it forced. Taking a certificate
away is never sent together with force, which the service takes for malformed; whether that may
name the certificate as well is unconfirmed, so it does not, and only what was read guards it.

The service fetches the certificate with the caller's rights: besides its own permissions the RAM
user needs three of the certificate store. A check cannot try these by reading. A certificate that
was uploaded to a bucket alone is looked for in the store by its digest; one that is not there
cannot be restored.

Unconfirmed, and kept here only: that the identifier alone is enough to set a certificate, and how
wildcard domains are written (read with and without "*."). How many calls a second it takes, and
how long its nodes take to follow, is not documented: five calls and five minutes are this
project's own choice.
"""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._api.oss_client import CERTIFICATE_CHANGED, OssClient
from connectors.alibaba._bases.base import missing
from connectors.alibaba._bases.stored import StoredConnector
from connectors.alibaba._stores.cas import PERMISSIONS
from domain.certificates.hostnames import canonical
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import Binding, CertificateRef, Found, Page, Resource

BUCKETS_PER_PAGE = 50
ON_BEHALF = (
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
            Rule(
                CERTIFICATE_CHANGED,
                Transient,
                "Its certificate was changed in this moment: it is read again and compared.",
            ),
            Rule("SlowDown", Transient),
            Rule(
                "AccessDenied",
                NeedsOperator,
                f"Grant {{permission}} and {', '.join(ON_BEHALF)} to this account's RAM user.",
            ),
            Rule("RequestTimeTooSkewed", NeedsOperator, "Set this machine's clock."),
            Rule("NeedVerifyDomainOwnership", NeedsOperator, "Verify who owns the domain first."),
            Rule("NoSuch*", Permanent),
            Rule("MalformedXML", Permanent),
        ),
    )
    scenarios = frozenset({Scenario.UPDATE})
    permissions = ("oss:ListBuckets", "oss:ListCname", "oss:PutCname", *ON_BEHALF, *PERMISSIONS)
    queries_per_second = 5
    calls_per_change = 4
    propagation = timedelta(minutes=5)

    def prepare(self) -> None:
        """Object storage speaks through a client of its own."""
        super().prepare()
        self.oss = OssClient(self._settings, self.api, self.pace)

    def discover(self, page: str | None = None) -> Page:
        """The domains of 50 buckets a page, with what they serve: one call for each bucket."""
        reply = self.oss.buckets(page, BUCKETS_PER_PAGE)
        found = [one for bucket in reply.buckets or [] for one in self._found_in(bucket)]
        return Page(found=tuple(found), next=(reply.next_marker or None))

    def read(self, resource: Resource) -> Binding | None:
        """What the domain serves."""
        return self._binding(self._certificate(resource))

    def bind(self, resource: Resource, ref: CertificateRef | None) -> None:
        """One call, after one that reads what is to be replaced; none if `ref` is there already."""
        present = self._certificate(resource)
        if _serves(present, ref):
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

    def settled(self, resource: Resource, ref: CertificateRef | None) -> bool:
        """Whether the service shows the certificate as the domain's own."""
        return _serves(self._certificate(resource), ref)

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """What lies in the bucket alone, or is gone from the store, has no way back."""
        if before is not None and before.ref is None:
            return "it serves a certificate that was uploaded to the bucket alone"
        return super().not_reversible(resource, before)

    def check(self) -> list[str]:
        """Lists a bucket and its domains; setting is not tried, nor what that needs elsewhere."""
        return missing(
            [
                ("oss:ListBuckets", lambda: self.oss.buckets(None, 1)),
                ("oss:ListCname", self._list_any),
                *self.probe_store(),
            ]
        )

    def _list_any(self) -> None:
        for bucket in self.oss.buckets(None, 1).buckets or []:
            self.oss.cnames(bucket.name, _region(bucket))

    def _found_in(self, bucket: Any) -> list[Found]:
        region = _region(bucket)
        if self._settings.regions and region not in self._settings.regions:
            return []
        try:
            cnames = self.oss.cnames(bucket.name, region)
        except Permanent as error:
            if error.code != "NoSuchBucket":
                raise
            return []  # deleted since it was listed
        return [self._found(bucket.name, region, cname) for cname in cnames]

    def _found(self, bucket: str, region: str, cname: Any) -> Found:
        written, wildcard = str(cname.domain), bool(cname.is_wild_card)
        name = canonical(f"*.{written}" if wildcard and not written.startswith("*") else written)
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
        binding = self._binding(cname.certificate)
        return Found(resource=resource, binding=binding, binding_known=True)

    def _certificate(self, resource: Resource) -> Any:
        """What the service tells of the domain's certificate; None for none."""
        wanted = resource.detail
        for cname in self.oss.cnames(wanted["bucket"], resource.region):
            wildcard = "yes" if cname.is_wild_card else "no"
            if (cname.domain, wildcard) == (wanted["domain"], wanted["wildcard"]):
                return cname.certificate
        raise Permanent(f"the bucket has no domain {wanted['domain']} any more", code="NoSuchCname")

    def _binding(self, certificate: Any) -> Binding | None:
        if certificate is None:
            return None
        if certificate.cert_id:
            return self.served(certificate.cert_id)
        digest = str(certificate.fingerprint or "").replace(":", "").lower()
        found = self.cas.with_digest(digest) if digest else None
        if found is not None:
            return self.served(found.fields["identifier"])
        return Binding(name=digest or None, not_after=_time(certificate.valid_end_date))


def _serves(certificate: Any, ref: CertificateRef | None) -> bool:
    if certificate is None or ref is None:
        return certificate is None and ref is None
    return bool(certificate.cert_id == ref.fields["identifier"])


def _region(bucket: Any) -> str:
    return str(bucket.region or str(bucket.location or "").removeprefix("oss-"))


def _time(text: str | None) -> datetime | None:
    return parsedate_to_datetime(text).astimezone(UTC) if text else None
