"""Server certificates of the Classic Load Balancer: one store per region.

API: https://api.alibabacloud.com/document/Slb/2014-05-15/UploadServerCertificate

The connectors of CLB and SAE call it. Every upload creates a new certificate, and the number is
limited. So the region is searched by fingerprint before an upload. The name that we give an
upload holds the whole fingerprint, for this reason:

Unconfirmed, and used here only:
* The fingerprint of the service is SHA-256 by its description and SHA-1 by its examples. Both are
  recognized. If it is SHA-1, the SHA-256 is known only from the name of our own uploads.
* The private key is sent in the query of the upload, as the operation is documented.
"""

from collections.abc import Mapping
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._bases.stored import SHA256_DIGITS, parse_milliseconds
from connectors.alibaba._stores.cas import read_digests
from domain.certificates.certificate import Certificate
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import OpenKey
from domain.resources.resource import Binding, CertificateRef

API = Api(
    ram="slb",
    version="2014-05-15",
    hosts=dict.fromkeys(Site, "slb.{region}.aliyuncs.com"),
    rules=(
        ErrorRule("ServiceIsStopping", Transient),
        ErrorRule("ServiceIsConfiguring", Transient),
        ErrorRule("BackendServer.configuring", Transient),
        ErrorRule("DomainExtensionProcessing", Transient),
        ErrorRule(
            "OperationFailed.ListenerStatusNotSupport",
            NeedsOperator,
            "Start the listener, then try again.",
        ),
    ),
)
LIST, UPLOAD = "DescribeServerCertificates", "UploadServerCertificate"
DELETE = "DeleteServerCertificate"
PERMISSIONS = (f"{API.ram}:{LIST}", f"{API.ram}:{UPLOAD}")
NAME_PREFIX = "certroll-"

Row = dict[str, Any]


class ClbStore:
    """The server certificates of one account in all regions. Shared between threads."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @staticmethod
    def build_name(region: str) -> str:
        """The name of a region's store in references."""
        return f"alibaba.clb/{region}"

    def install(self, certificate: Certificate, key: OpenKey, region: str) -> CertificateRef:
        """The reference of this certificate, which is uploaded if it is not in the store yet."""
        found = self.find(certificate, region)
        if found is not None:
            return found
        query = {
            "RegionId": region,
            "ServerCertificateName": f"{NAME_PREFIX}{certificate.fingerprint}",
            "ServerCertificate": _strip_blank_lines(certificate.chain_pem),
            "PrivateKey": _strip_blank_lines(key().traditional_pem().decode()),
        }
        return build_reference(_get_id(self.client.call(UPLOAD, query, region=region)), region)

    def find(self, certificate: Certificate, region: str) -> CertificateRef | None:
        """The reference of this certificate, the oldest of several; None if there is none."""
        leaf = read_leaf(certificate.chain_pem)
        if leaf is None:
            raise Permanent("the certificate cannot be read", code="UnreadableCertificate")
        wanted = {leaf.fingerprint, leaf.sha1}
        found = [row for row in self.list_rows(region) if read_digests(row) & wanted]
        if not found:
            return None
        first = min(found, key=lambda row: (int(row.get("CreateTimeStamp") or 0), _get_id(row)))
        return build_reference(_get_id(first), region)

    def remove(self, ref: CertificateRef) -> None:
        """Removes it, if it is there. The service refuses one that a listener uses."""
        number, region = ref.fields["server_certificate_id"], ref.fields["region"]
        query = {"RegionId": region, "ServerCertificateId": number}
        try:
            self.client.call(DELETE, query, region=region)
        except Permanent as error:
            if not error.code.endswith("NotFound"):
                raise

    def list_rows(self, region: str, number: str | None = None) -> list[Row]:
        """All certificates of a region, or the one with that id."""
        query = {"RegionId": region, "ServerCertificateId": number}
        reply = self.client.call(LIST, query, region=region)
        return (reply.get("ServerCertificates") or {}).get("ServerCertificate") or []

    def list_bindings(self, region: str, number: str | None = None) -> dict[str, Binding]:
        """The binding of each certificate, by its id."""
        return {_get_id(row): to_binding(row, region) for row in self.list_rows(region, number)}

    def get_binding(
        self, number: str | None, region: str, known: Mapping[str, Binding] | None = None
    ) -> Binding | None:
        """The binding of an id, from `known` if that is given."""
        if not number:
            return None
        found = self.list_bindings(region, number) if known is None else known
        return found.get(number) or Binding(ref=build_reference(number, region))


def build_lock_key(region: str, balancer: str) -> str:
    """The lock key of a load balancer, shared by everything that changes one of its listeners."""
    return f"alibaba.clb/{region}/{balancer}"


def build_reference(number: str, region: str) -> CertificateRef:
    """The reference of a server certificate in a region."""
    fields = {"server_certificate_id": number, "region": region}
    return CertificateRef(store=ClbStore.build_name(region), fields=fields)


def to_binding(row: Row, region: str) -> Binding:
    """The binding of a row of the listing."""
    others = row.get("SubjectAlternativeNames") or {}
    names = others.get("SubjectAlternativeName") or [row.get("CommonName") or ""]
    return Binding(
        fingerprint=_get_fingerprint(row),
        ref=build_reference(_get_id(row), region),
        name=row.get("ServerCertificateName") or None,
        names=tuple(name.lower() for name in names if name),
        not_after=parse_milliseconds(row.get("ExpireTimeStamp")),
    )


def _get_fingerprint(row: Row) -> str | None:
    given = str(row.get("ServerCertificateName") or "").removeprefix(NAME_PREFIX)
    by_name = {given} if len(given) == SHA256_DIGITS else set()
    found = [text for text in read_digests(row) if len(text) == SHA256_DIGITS]
    return next(iter([*found, *by_name]), None)


def _get_id(row: Row) -> str:
    return str(row["ServerCertificateId"])


def _strip_blank_lines(pem: str) -> str:
    """The service refuses PEM with blank lines."""
    return "\n".join(line for line in pem.splitlines() if line.strip()) + "\n"
