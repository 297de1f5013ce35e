"""The certificate store (CAS): finds or uploads the certificates that products bind.

API: https://api.alibabacloud.com/document/cas/2020-04-07/UploadUserCertificate

All connectors call it. Unconfirmed, and used here only:
* The private key is sent in the query of the upload, as the operation is documented and as the
  official client does. A form body would keep it out of access logs, but nobody has confirmed that
  the store reads it from there. Only `_upload` sends it.
* A taken name is recognized by the code NameRepeat or by words of the message.
* Whether the digest of an SM2 pair is that of the signing certificate or of the other. So a pair
  is recognized by its name too, which holds its fingerprint.
"""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import ErrorRule
from connectors.alibaba._api.leaf import Leaf, read_leaf
from connectors.alibaba._stores.cas_listing import Row, get_listing
from domain.certificates.certificate import Certificate
from domain.certificates.sm2 import read_sm2_key
from domain.errors import CloudError, Permanent, Transient
from domain.resources.connector import CallRateLimit, OpenKey
from domain.resources.resource import CertificateRef


def build_upload_fields(certificate: Certificate, key: OpenKey) -> dict[str, object]:
    """The upload's fields with certificate and key, or with both halves of a pair."""
    if certificate.encrypt_pem is None:
        # The older form: the cloud's consoles ask for it, and all products accept it.
        pem = key().traditional_pem().decode()
        return {"Cert": certificate.chain_pem, "Key": pem}
    sign, decrypt = (read_sm2_key(half, "vault").traditional_pem() for half in key().split_pair())
    return {
        "SignCert": certificate.chain_pem,
        "SignPrivateKey": sign.decode(),
        "EncryptCert": certificate.encrypt_pem,
        "EncryptPrivateKey": decrypt.decode(),
    }


API = Api(
    ram="yundun-cert",
    version="2020-04-07",
    hosts={Site.CN: "cas.aliyuncs.com", Site.INTL: "cas.ap-southeast-1.aliyuncs.com"},
    rules=(ErrorRule("NotFound*", Permanent), ErrorRule("*NameRepeat*", Permanent)),
)
LIST, DETAIL, UPLOAD = (
    "ListUserCertificateOrder",
    "GetUserCertificateDetail",
    "UploadUserCertificate",
)
PERMISSIONS = tuple(f"{API.ram}:{action}" for action in (LIST, DETAIL, UPLOAD))

PAGE_SIZE = 50
MAX_NAME_LENGTH = 63

CAS = "alibaba.cas"
CAS_CALLS_PER_SECOND = 10.0
"""Of the listing, as documented. Uploads have a higher limit and are few."""

CAS_DETAILS = "alibaba.cas/details"
CAS_DETAILS_PER_SECOND = 100.0
"""Of the detail, as documented. A sync reads the detail of each certificate that is served."""


class CasStore:
    """One account's store at its site. Shared between threads."""

    def __init__(
        self,
        settings: AlibabaSettings,
        rate_limit: CallRateLimit | None = None,
        details: CallRateLimit | None = None,
    ) -> None:
        self.site = settings.site
        self.client = Client(settings, API, rate_limit)
        self._details = Client(settings, API, details)
        self._listing = get_listing(settings)

    @property
    def name(self) -> str:
        """The name of this store in references: "alibaba.cas/cn"."""
        return f"alibaba.cas/{self.site}"

    def install(self, certificate: Certificate, key: OpenKey) -> CertificateRef:
        """The reference of this certificate, which is uploaded if it is not in the store yet.

        `key` is called only for an upload. A repeated call after a lost answer uploads nothing
        twice. The listing may be a minute old, because a large store takes a minute to list. So a
        certificate that it shows is read again, and the store refuses one that it does not show
        yet by its name.
        """
        leaf = read_leaf(certificate.chain_pem)
        if leaf is None:
            raise Permanent("the certificate cannot be read", code="UnreadableCertificate")
        name = _build_pair_name(certificate)
        found = self._find_id(leaf, self._get_listing(), name)
        if found is None or not self._is_present(found, leaf, name):
            try:
                found = self._upload_once(certificate, leaf, key)
            except CloudError:
                self._listing.expire_early()
                raise
            shown = {"Sha2": leaf.fingerprint, "Fingerprint": leaf.sha1}
            name_there = build_name(certificate)
            self._listing.add({"CertificateId": found, "Name": name_there, **shown})
        return build_reference(found, self.site)

    def find(self, leaf: Leaf) -> CertificateRef | None:
        """The reference of a certificate in this store; the listing may be a minute old.

        Many resources are read one after the other, and the store allows 10 listings a second.
        """
        found = self._find_id(leaf, self._get_listing())
        return None if found is None else build_reference(found, self.site)

    def find_by_name(self, name: str) -> CertificateRef | None:
        """The reference of the certificate of this name; the listing may be a minute old."""
        return self._find_first(lambda row: row.get("Name") == name)

    def find_by_digest(self, digest: str) -> CertificateRef | None:
        """The reference of the certificate with this SHA-1 or SHA-256, in lower-case hex."""
        return self._find_first(lambda row: digest in read_digests(row))

    def _find_first(self, fits: Callable[[Row], bool]) -> CertificateRef | None:
        ids = (str(row["CertificateId"]) for row in self._get_listing() if fits(row))
        return next((build_reference(found, self.site) for found in ids), None)

    def forget_listing(self) -> None:
        """Lists anew the next time: something was removed."""
        self._listing.invalidate()

    def probe(self) -> str | None:
        """Lists one certificate to try the permission; its id, if there is one."""
        rows = self._get_page(1, 1).get("CertificateOrderList") or []
        return str(rows[0]["CertificateId"]) if rows else None

    def get_detail(self, cert_id: str) -> Row:
        """The store's detail of one certificate, without the private key."""
        return self._details.call(DETAIL, {"CertId": cert_id, "CertFilter": True})

    def _get_listing(self) -> list[Row]:
        return self._listing.get_rows(self._list_rows)

    def _get_page(self, number: int, size: int) -> Row:
        query = {"OrderType": "CERT", "CurrentPage": number, "ShowSize": size}
        return self.client.call(LIST, query)

    def _list_rows(self) -> Iterator[Row]:
        number = 0
        while True:
            number += 1
            reply = self._get_page(number, PAGE_SIZE)
            rows = reply.get("CertificateOrderList") or []
            yield from rows
            if not rows or number * PAGE_SIZE >= int(reply.get("TotalCount") or 0):
                return

    def _find_id(
        self, leaf: Leaf, rows: Iterator[Row] | list[Row], name: str | None = None
    ) -> str | None:
        for row in rows:
            if (name and row.get("Name") == name) or self._is_match(leaf, row):
                return str(row["CertificateId"])
        return None

    def _is_match(self, leaf: Leaf, row: Row) -> bool:
        digests = read_digests(row)
        if digests:
            return bool(digests & {leaf.fingerprint, leaf.sha1})
        serial = str(row.get("SerialNo") or "").lower().lstrip("0")
        same_serial = bool(serial) and serial == leaf.serial
        return same_serial and self._is_confirmed(str(row["CertificateId"]), leaf)

    def _is_confirmed(self, cert_id: str, leaf: Leaf, name: str | None = None) -> bool:
        row = self.get_detail(cert_id)
        same_name = name is not None and row.get("Name") == name
        return same_name or bool(read_digests(row) & {leaf.fingerprint, leaf.sha1})

    def _upload_once(self, certificate: Certificate, leaf: Leaf, key: OpenKey) -> str:
        token = build_token(certificate)
        try:
            cert_id = self._upload(certificate, key, token)
            if self._is_present(cert_id, leaf, _build_pair_name(certificate)):
                return cert_id
            # A repeated token gets its former answer, even if that certificate was deleted.
            return self._upload(certificate, key, f"certroll-{uuid.uuid4().hex}")
        except CloudError as error:
            if not _is_name_taken(error):
                raise
        found = self._find_id(leaf, self._list_rows(), _build_pair_name(certificate))
        if found is None:
            raise Transient(
                f"the name {build_name(certificate)!r} is taken, but no listing shows it yet",
                code="NameRepeat",
                advice="If it stays so, rename or delete that certificate in the store.",
            )
        return found

    def _upload(self, certificate: Certificate, key: OpenKey, token: str) -> str:
        reply = self.client.call(
            UPLOAD,
            {
                "Name": build_name(certificate),
                **build_upload_fields(certificate, key),
                "ClientToken": token,
            },
        )
        return str(reply["CertId"])

    def _is_present(self, cert_id: str, leaf: Leaf, name: str | None) -> bool:
        try:
            return self._is_confirmed(cert_id, leaf, name)
        except Permanent as error:
            if not error.code.startswith("NotFound"):
                raise
            return False


def build_reference(cert_id: str, site: Site) -> CertificateRef:
    """The reference of a certificate; `identifier` is written as documented, "<id>-<region>"."""
    fields = {
        "cert_id": cert_id,
        "identifier": f"{cert_id}-{site.region}",
        "region": site.region,
    }
    return CertificateRef(store=f"alibaba.cas/{site}", fields=fields)


def build_name(certificate: Certificate) -> str:
    """The name in the store: one name per certificate, unique by its fingerprint."""
    slug = re.sub(r"[^a-z0-9]+", "-", certificate.name.lower()).strip("-")
    ending = f"-{certificate.fingerprint[:12]}"
    start = f"certroll-{slug}"[: MAX_NAME_LENGTH - len(ending)].rstrip("-")
    return start + ending


def _build_pair_name(certificate: Certificate) -> str | None:
    return build_name(certificate) if certificate.encrypt_pem else None


def build_token(certificate: Certificate) -> str:
    """The idempotency token of an upload: the same content and name give the same token."""
    content = f"{build_name(certificate)}\n{certificate.chain_pem}{certificate.encrypt_pem or ''}"
    return f"certroll-{hashlib.sha256(content.encode()).hexdigest()[:48]}"


def read_digests(row: Row) -> set[str]:
    """Every digest of a row of the listing or of a detail, in lower-case hex without colons."""
    texts = (str(row.get(name) or "") for name in ("Sha2", "CertSha2", "Fingerprint"))
    return {text.replace(":", "").lower() for text in texts if text}


def _is_name_taken(error: CloudError) -> bool:
    return "NameRepeat" in error.code or "name already exists" in error.message.lower()
