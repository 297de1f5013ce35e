"""Server certificates of the Classic Load Balancer: one store per region, and no upload repeats.

An upload makes a new certificate each time, and each counts; so the region is searched first, by
fingerprint. The name that we give holds the whole fingerprint, for this reason:

Unconfirmed, and kept here only:
* The fingerprint that the service tells is SHA-256 by its description and SHA-1 by its examples.
  Both are recognised. Where it is SHA-1, only a certificate that we uploaded ourselves, by the
  name that we gave it, can be told by its SHA-256.
* The private key goes in the query of the upload, as the operation is documented.
"""

from collections.abc import Mapping
from typing import Any

from connectors.alibaba._api.account import Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._bases.stored import SHA256_DIGITS, moment
from connectors.alibaba._stores.cas import digests
from domain.certificates.certificate import Certificate
from domain.errors import NeedsOperator, Permanent, Transient
from domain.resources.connector import OpenKey
from domain.resources.resource import Binding, CertificateRef

API = Api(
    ram="slb",
    version="2014-05-15",
    hosts=dict.fromkeys(Site, "slb.{region}.aliyuncs.com"),
    rules=(
        Rule("ServiceIsStopping", Transient),
        Rule("ServiceIsConfiguring", Transient),
        Rule("BackendServer.configuring", Transient),
        Rule("DomainExtensionProcessing", Transient),
        Rule(
            "OperationFailed.ListenerStatusNotSupport",
            NeedsOperator,
            "Start the listener, then try again.",
        ),
    ),
)
LIST, UPLOAD = "DescribeServerCertificates", "UploadServerCertificate"
DELETE = "DeleteServerCertificate"
PERMISSIONS = (f"{API.ram}:{LIST}", f"{API.ram}:{UPLOAD}")
OURS = "certroll-"

Row = dict[str, Any]


class ClbStore:
    """The server certificates of one account in all regions. Shared between threads."""

    def __init__(self, client: Client) -> None:
        self.client = client

    @staticmethod
    def name(region: str) -> str:
        """How references name the store of a region."""
        return f"alibaba.clb/{region}"

    def install(self, certificate: Certificate, key: OpenKey, region: str) -> CertificateRef:
        """The reference of this certificate, which is uploaded unless it is there already."""
        found = self.find(certificate, region)
        if found is not None:
            return found
        query = {
            "RegionId": region,
            "ServerCertificateName": f"{OURS}{certificate.fingerprint}",
            "ServerCertificate": _dense(certificate.chain_pem),
            "PrivateKey": _dense(key().traditional_pem().decode()),
        }
        return reference(_id(self.client.call(UPLOAD, query, region=region)), region)

    def find(self, certificate: Certificate, region: str) -> CertificateRef | None:
        """The reference of this certificate, the oldest if there are several; None if none is."""
        leaf = read_leaf(certificate.chain_pem)
        if leaf is None:
            raise Permanent("the certificate cannot be read", code="UnreadableCertificate")
        wanted = {leaf.fingerprint, leaf.sha1}
        found = [row for row in self.rows(region) if digests(row) & wanted]
        if not found:
            return None
        first = min(found, key=lambda row: (int(row.get("CreateTimeStamp") or 0), _id(row)))
        return reference(_id(first), region)

    def remove(self, ref: CertificateRef) -> None:
        """Removes it; one that is gone is fine. One that a listener uses is refused."""
        number, region = ref.fields["server_certificate_id"], ref.fields["region"]
        query = {"RegionId": region, "ServerCertificateId": number}
        try:
            self.client.call(DELETE, query, region=region)
        except Permanent as error:
            if not error.code.endswith("NotFound"):
                raise

    def rows(self, region: str, number: str | None = None) -> list[Row]:
        """All certificates of a region, or the one of that id if there is one."""
        query = {"RegionId": region, "ServerCertificateId": number}
        reply = self.client.call(LIST, query, region=region)
        return (reply.get("ServerCertificates") or {}).get("ServerCertificate") or []

    def bindings(self, region: str, number: str | None = None) -> dict[str, Binding]:
        """What each certificate is, by its id."""
        return {_id(row): binding(row, region) for row in self.rows(region, number)}

    def served(
        self, number: str | None, region: str, known: Mapping[str, Binding] | None = None
    ) -> Binding | None:
        """The binding behind an id, from `known` where that was asked for already."""
        if not number:
            return None
        found = self.bindings(region, number) if known is None else known
        return found.get(number) or Binding(ref=reference(number, region))


def lock(region: str, balancer: str) -> str:
    """A load balancer, as everything that may change one of its listeners calls it."""
    return f"alibaba.clb/{region}/{balancer}"


def reference(number: str, region: str) -> CertificateRef:
    """A server certificate of a region."""
    fields = {"server_certificate_id": number, "region": region}
    return CertificateRef(store=ClbStore.name(region), fields=fields)


def binding(row: Row, region: str) -> Binding:
    """What the service tells of a server certificate."""
    others = row.get("SubjectAlternativeNames") or {}
    names = others.get("SubjectAlternativeName") or [row.get("CommonName") or ""]
    return Binding(
        fingerprint=_fingerprint(row),
        ref=reference(_id(row), region),
        name=row.get("ServerCertificateName") or None,
        names=tuple(name.lower() for name in names if name),
        not_after=moment(row.get("ExpireTimeStamp")),
    )


def _fingerprint(row: Row) -> str | None:
    given = str(row.get("ServerCertificateName") or "").removeprefix(OURS)
    by_name = {given} if len(given) == SHA256_DIGITS else set()
    found = [text for text in digests(row) if len(text) == SHA256_DIGITS]
    return next(iter([*found, *by_name]), None)


def _id(row: Row) -> str:
    return str(row["ServerCertificateId"])


def _dense(pem: str) -> str:
    """Without blank lines, which the service refuses."""
    return "\n".join(line for line in pem.splitlines() if line.strip()) + "\n"
