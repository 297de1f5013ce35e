"""The certificate store (CAS), from which nearly every product binds: find, or else upload.

Unconfirmed, and kept here only:
* The private key goes in the query of the upload, as the operation is documented and as the
  official client sends it. A form body would keep it out of the access logs on the way, but
  nobody has confirmed that the store reads it from there. `_upload` is the only place.
* A name that is taken is told by the code NameRepeat or by words of the message.
* Which digest is told of an SM2 pair, of the certificate that signs or of the other. So a pair is
  known by the name as well that it gets here, which holds its fingerprint.
"""

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator

from connectors.alibaba._api.account import Settings, Site
from connectors.alibaba._api.client import Api, Client
from connectors.alibaba._api.errors import Rule
from connectors.alibaba._api.leaf import Leaf, read_leaf
from connectors.alibaba._stores.cas_listing import Row, listing_of
from domain.certificates.certificate import Certificate
from domain.certificates.sm2 import read_sm2_key
from domain.errors import CloudError, Permanent, Transient
from domain.resources.connector import OpenKey, Pace
from domain.resources.resource import CertificateRef


def upload_fields(certificate: Certificate, key: OpenKey) -> dict[str, object]:
    """The fields with certificate and key; those of a pair count only where the usual are empty."""
    if certificate.encrypt_pem is None:
        # The older form: the cloud's consoles ask for it, and all its products take it.
        pem = key().traditional_pem().decode()
        return {"Cert": certificate.chain_pem, "Key": pem}
    sign, decrypt = (read_sm2_key(half, "vault").traditional_pem() for half in key().pair())
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
    rules=(Rule("NotFound*", Permanent), Rule("*NameRepeat*", Permanent)),
)
LIST, DETAIL, UPLOAD = (
    "ListUserCertificateOrder",
    "GetUserCertificateDetail",
    "UploadUserCertificate",
)
PERMISSIONS = tuple(f"{API.ram}:{action}" for action in (LIST, DETAIL, UPLOAD))

PAGE_SIZE = 50
LONGEST_NAME = 63

CAS = "alibaba.cas"
CAS_CALLS_PER_SECOND = 10.0
"""Of the listing, as documented; uploads may make more, and are few."""

CAS_DETAILS = "alibaba.cas/details"
CAS_DETAILS_PER_SECOND = 100.0
"""Of what is told of one certificate, as documented: a sync asks it of each that is served."""


class CasStore:
    """One account's store at its site. Shared between threads."""

    def __init__(
        self, settings: Settings, pace: Pace | None = None, details: Pace | None = None
    ) -> None:
        self.site = settings.site
        self.client = Client(settings, API, pace)
        self._details = Client(settings, API, details)
        self._listing = listing_of(settings)

    @property
    def name(self) -> str:
        """How references name this store: "alibaba.cas/cn"."""
        return f"alibaba.cas/{self.site}"

    def install(self, certificate: Certificate, key: OpenKey) -> CertificateRef:
        """The reference of this certificate, which is uploaded unless it is there already.

        `key` is called only for an upload. Repeating after a lost answer uploads nothing twice.
        The listing may be a minute old, for a large store takes a minute to list: what it shows is
        asked for again, and what it does not show yet is refused by its name.
        """
        leaf = read_leaf(certificate.chain_pem)
        if leaf is None:
            raise Permanent("the certificate cannot be read", code="UnreadableCertificate")
        name = _pair_name(certificate)
        found = self._search(leaf, self._lately(), name)
        if found is None or not self._lies_here(found, leaf, name):
            try:
                found = self._upload_once(certificate, leaf, key)
            except CloudError:
                self._listing.doubt()
                raise
            shown = {"Sha2": leaf.fingerprint, "Fingerprint": leaf.sha1}
            name_there = name_for(certificate)
            self._listing.add({"CertificateId": found, "Name": name_there, **shown})
        return reference(found, self.site)

    def find(self, leaf: Leaf) -> CertificateRef | None:
        """The reference of a certificate that lies here; the listing may be a minute old.

        Many resources are read one after the other, and the store allows 10 listings a second.
        """
        found = self._search(leaf, self._lately())
        return None if found is None else reference(found, self.site)

    def named(self, name: str) -> CertificateRef | None:
        """The reference of the certificate of this name; the listing may be a minute old."""
        return self._first(lambda row: row.get("Name") == name)

    def with_digest(self, digest: str) -> CertificateRef | None:
        """The reference of the certificate with this SHA-1 or SHA-256, in lower-case hex."""
        return self._first(lambda row: digest in digests(row))

    def _first(self, fits: Callable[[Row], bool]) -> CertificateRef | None:
        ids = (str(row["CertificateId"]) for row in self._lately() if fits(row))
        return next((reference(found, self.site) for found in ids), None)

    def forget_listing(self) -> None:
        """The next look-up lists anew: something was removed."""
        self._listing.forget()

    def probe(self) -> str | None:
        """Lists one certificate, to see whether it may; its id, if there is one."""
        rows = self._page(1, 1).get("CertificateOrderList") or []
        return str(rows[0]["CertificateId"]) if rows else None

    def detail(self, cert_id: str) -> Row:
        """What the store tells of one certificate, without the private key."""
        return self._details.call(DETAIL, {"CertId": cert_id, "CertFilter": True})

    def _lately(self) -> list[Row]:
        return self._listing.rows(self._rows)

    def _page(self, number: int, size: int) -> Row:
        query = {"OrderType": "CERT", "CurrentPage": number, "ShowSize": size}
        return self.client.call(LIST, query)

    def _rows(self) -> Iterator[Row]:
        number = 0
        while True:
            number += 1
            reply = self._page(number, PAGE_SIZE)
            rows = reply.get("CertificateOrderList") or []
            yield from rows
            if not rows or number * PAGE_SIZE >= int(reply.get("TotalCount") or 0):
                return

    def _search(
        self, leaf: Leaf, rows: Iterator[Row] | list[Row], name: str | None = None
    ) -> str | None:
        for row in rows:
            if (name and row.get("Name") == name) or self._is(leaf, row):
                return str(row["CertificateId"])
        return None

    def _is(self, leaf: Leaf, row: Row) -> bool:
        told = digests(row)
        if told:
            return bool(told & {leaf.fingerprint, leaf.sha1})
        serial = str(row.get("SerialNo") or "").lower().lstrip("0")
        same_serial = bool(serial) and serial == leaf.serial
        return same_serial and self._confirmed(str(row["CertificateId"]), leaf)

    def _confirmed(self, cert_id: str, leaf: Leaf, name: str | None = None) -> bool:
        row = self.detail(cert_id)
        same_name = name is not None and row.get("Name") == name
        return same_name or bool(digests(row) & {leaf.fingerprint, leaf.sha1})

    def _upload_once(self, certificate: Certificate, leaf: Leaf, key: OpenKey) -> str:
        token = token_for(certificate)
        try:
            cert_id = self._upload(certificate, key, token)
            if self._lies_here(cert_id, leaf, _pair_name(certificate)):
                return cert_id
            # A token seen before gets its former answer, even if that certificate was deleted.
            return self._upload(certificate, key, f"certroll-{uuid.uuid4().hex}")
        except CloudError as error:
            if not _name_is_taken(error):
                raise
        found = self._search(leaf, self._rows(), _pair_name(certificate))
        if found is None:
            raise Transient(
                f"the name {name_for(certificate)!r} is taken, but no listing shows it yet",
                code="NameRepeat",
                advice="If it stays so, rename or delete that certificate in the store.",
            )
        return found

    def _upload(self, certificate: Certificate, key: OpenKey, token: str) -> str:
        reply = self.client.call(
            UPLOAD,
            {
                "Name": name_for(certificate),
                **upload_fields(certificate, key),
                "ClientToken": token,
            },
        )
        return str(reply["CertId"])

    def _lies_here(self, cert_id: str, leaf: Leaf, name: str | None) -> bool:
        try:
            return self._confirmed(cert_id, leaf, name)
        except Permanent as error:
            if not error.code.startswith("NotFound"):
                raise
            return False


def reference(cert_id: str, site: Site) -> CertificateRef:
    """A certificate of a site's store; `identifier` is written as documented, "<id>-<region>"."""
    fields = {
        "cert_id": cert_id,
        "identifier": f"{cert_id}-{site.region}",
        "region": site.region,
    }
    return CertificateRef(store=f"alibaba.cas/{site}", fields=fields)


def name_for(certificate: Certificate) -> str:
    """What the store calls it: one name per certificate, told apart by its fingerprint."""
    slug = re.sub(r"[^a-z0-9]+", "-", certificate.name.lower()).strip("-")
    ending = f"-{certificate.fingerprint[:12]}"
    start = f"certroll-{slug}"[: LONGEST_NAME - len(ending)].rstrip("-")
    return start + ending


def _pair_name(certificate: Certificate) -> str | None:
    return name_for(certificate) if certificate.encrypt_pem else None


def token_for(certificate: Certificate) -> str:
    """Marks repeats of one upload: the same text and name, the same token."""
    content = f"{name_for(certificate)}\n{certificate.chain_pem}{certificate.encrypt_pem or ''}"
    return f"certroll-{hashlib.sha256(content.encode()).hexdigest()[:48]}"


def digests(row: Row) -> set[str]:
    """Every digest that a listing or a detail tells, in lower-case hex without colons."""
    told = (str(row.get(name) or "") for name in ("Sha2", "CertSha2", "Fingerprint"))
    return {text.replace(":", "").lower() for text in told if text}


def _name_is_taken(error: CloudError) -> bool:
    return "NameRepeat" in error.code or "name already exists" in error.message.lower()
