"""An OCSP responder and a revocation list over HTTP, on loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.support.factory import DAY, Authority, Leaf

HOUR = timedelta(hours=1)
STATUS = {
    "good": ocsp.OCSPCertStatus.GOOD,
    "revoked": ocsp.OCSPCertStatus.REVOKED,
    "unknown": ocsp.OCSPCertStatus.UNKNOWN,
}
REVOKED_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Responder:
    """Set the attributes to choose the answers; `statuses` is by the serial of a certificate.

    `signer` signs instead of the authority; `delegate` is sent along as the certificate of the
    responder. `age` is how old the answers are, `failure` what it does instead of answering.
    """

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.statuses: dict[int, str] = {}
        self.signer: Authority | None = None
        self.delegate: x509.Certificate | None = None
        self.age = timedelta()
        self.failure: str | None = None
        self.scope: x509.IssuingDistributionPoint | None = None
        self.requests: list[str] = []
        self.base = ""

    def leaf(self, names: list[str], *, ocsp: bool = True, crl: bool = True, **leaf: Any) -> Leaf:
        """Issue a certificate that names this responder."""
        extra: list[x509.ExtensionType] = []
        if ocsp:
            extra.append(_build_access(f"{self.base}/ocsp"))
        if crl:
            extra.append(_build_distribution_points(f"{self.base}/crl"))
        return self.authority.leaf(names, extra=extra, **leaf)

    def revoke(self, leaf: Leaf) -> None:
        self.statuses[leaf.certificate.serial_number] = "revoked"

    def build_ocsp_response(self, question: bytes) -> bytes:
        """The OCSP response to a request, both in DER."""
        asked = ocsp.load_der_ocsp_request(question)
        said = self.statuses.get(asked.serial_number, "good")
        signer, at = self.signer or self.authority, datetime.now(UTC) - self.age
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            asked.issuer_name_hash,
            asked.issuer_key_hash,
            asked.serial_number,
            hashes.SHA1(),  # noqa: S303 - it names the issuer, nothing more
            STATUS[said],
            at,
            at + DAY,
            REVOKED_AT if said == "revoked" else None,
            x509.ReasonFlags.key_compromise if said == "revoked" else None,
        )
        if self.delegate:
            builder = builder.certificates([self.delegate])
        by = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
        return by.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def build_crl(self) -> bytes:
        """The revocation list in DER."""
        signer, at = self.signer or self.authority, datetime.now(UTC) - self.age
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(signer.certificate.subject)
            .last_update(at)
            .next_update(at + DAY)
        )
        if self.scope:
            builder = builder.add_extension(self.scope, critical=True)
        for serial in (one for one, said in self.statuses.items() if said == "revoked"):
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            reason = x509.CRLReason(x509.ReasonFlags.key_compromise)
            dated = entry.revocation_date(REVOKED_AT).add_extension(reason, critical=False)
            builder = builder.add_revoked_certificate(dated.build())
        return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)

    def issue_delegate(self, *, may_answer: bool = True) -> Authority:
        """Issue the certificate of a delegated responder."""
        use = ExtendedKeyUsageOID.OCSP_SIGNING if may_answer else ExtendedKeyUsageOID.SERVER_AUTH
        plain = self.authority.leaf(["ocsp.example.com"], for_servers=False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(plain.certificate.subject)
            .issuer_name(self.authority.certificate.subject)
            .public_key(plain.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - DAY)
            .not_valid_after(datetime.now(UTC) + DAY)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        return Authority(builder.sign(self.authority.key, hashes.SHA256()), plain.key)

    @contextmanager
    def serve(self) -> Iterator[Self]:
        """Serve on a free port of loopback until the block ends."""
        handler = type("Handler", (_Handler,), {"responder": self})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        self.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    responder: Responder

    def do_GET(self) -> None:
        self._reply("crl", self.responder.build_crl)

    def do_POST(self) -> None:
        question = self.rfile.read(int(self.headers["content-length"]))
        self._reply("ocsp", lambda: self.responder.build_ocsp_response(question))

    def _reply(self, kind: str, answer: Any) -> None:
        self.responder.requests.append(kind)
        match self.responder.failure:
            case "down":
                self.close_connection = True
                return
            case "error":
                self.send_error(503)
                return
            case "elsewhere":
                self.send_response(302)
                self.send_header("location", "http://127.0.0.1:1/")
                self.end_headers()
                return
            case "garbage":
                data = b"<html>no answer</html>"
            case "endless":
                data = b"\0" * (70 << 10)
            case _:
                data = answer()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        return


def _build_access(url: str) -> x509.AuthorityInformationAccess:
    where = x509.UniformResourceIdentifier(url)
    entry = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, where)
    return x509.AuthorityInformationAccess([entry])


def _build_distribution_points(url: str) -> x509.CRLDistributionPoints:
    names = [x509.UniformResourceIdentifier(url)]
    point = x509.DistributionPoint(names, relative_name=None, reasons=None, crl_issuer=None)
    return x509.CRLDistributionPoints([point])
