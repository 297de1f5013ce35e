"""Reads OCSP answers and revocation lists of authorities; operations/tls/revocation fetches them.

An answer counts only if the authority signed it and it is current.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from domain.certificates.chain import is_issued_by

CLOCK_SKEW = timedelta(minutes=5)
"""How far a responder's clock may differ from ours."""

T = TypeVar("T", bound=x509.ExtensionType)

UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


class RevocationStatus(StrEnum):
    """What the authority says of a certificate; `unknown` if it gives no usable answer."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class UnknownCode(StrEnum):
    """Why the status of a certificate is unknown; it stays the same when the words change."""

    ISSUER_UNKNOWN = "issuer-unknown"
    KEY_UNSUPPORTED = "key-unsupported"
    OUT_OF_TIME = "out-of-time"  # the URL was not asked: the requests before took too long
    NO_ANSWER = "no-answer"
    TOO_SLOW = "too-slow"
    TOO_LARGE = "too-large"
    HTTP_STATUS = "http-status"
    OCSP_ERROR = "ocsp-error"  # the responder reports an error of its own
    UNREADABLE = "unreadable"
    WRONG_SIGNER = "wrong-signer"
    OUT_OF_DATE = "out-of-date"
    OTHER_CERTIFICATE = "other-certificate"
    NOT_KNOWN_THERE = "not-known-there"  # the responder does not know the certificate


class RevocationAnswer(NamedTuple):
    """The status; `detail` says when and why it was revoked, or why the status is unknown.

    If it is unknown, `codes` has one code for each URL that was tried, in their order.
    """

    status: RevocationStatus
    detail: str = ""
    codes: tuple[UnknownCode, ...] = ()


def build_unknown_answer(code: UnknownCode, reason: str) -> RevocationAnswer:
    return RevocationAnswer(RevocationStatus.UNKNOWN, reason, (code,))


def list_ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """The OCSP addresses that the certificate names; http and https only."""
    access = _get_extension(certificate, x509.AuthorityInformationAccess)
    entries = access if access is not None else ()
    wanted = AuthorityInformationAccessOID.OCSP
    return _list_web_urls(each.access_location for each in entries if each.access_method == wanted)


def list_crl_urls(certificate: x509.Certificate) -> list[str]:
    """The addresses of revocation lists that the certificate names; http and https only."""
    extension = _get_extension(certificate, x509.CRLDistributionPoints)
    points = extension if extension is not None else ()
    return _list_web_urls(name for point in points for name in point.full_name or ())


def build_ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The OCSP request in DER."""
    # SHA-1 only identifies the issuer here, and every responder accepts it.
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303
    return builder.build().public_bytes(Encoding.DER)


def read_ocsp(
    data: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> RevocationAnswer:
    """Read what a responder's answer says of the certificate."""
    try:
        answer = ocsp.load_der_ocsp_response(data)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return build_unknown_answer(
                UnknownCode.OCSP_ERROR,
                f"the responder answers {answer.response_status.name.lower()}",
            )
        if not _is_signed_by_authority(answer, issuer, now):
            return build_unknown_answer(
                UnknownCode.WRONG_SIGNER, "the responder's answer is not signed by the authority"
            )
        serial = certificate.serial_number
        own = [each for each in answer.responses if each.serial_number == serial]
    except UNREADABLE:
        return build_unknown_answer(UnknownCode.UNREADABLE, "the responder's answer cannot be read")
    current = [each for each in own if _is_current(each.this_update_utc, each.next_update_utc, now)]
    if not own:
        return build_unknown_answer(
            UnknownCode.OTHER_CERTIFICATE, "the responder's answer is about another certificate"
        )
    if not current:
        return build_unknown_answer(
            UnknownCode.OUT_OF_DATE, "the responder's answer is out of date"
        )
    return _from_single_response(current[0])


def _from_single_response(single: ocsp.OCSPSingleResponse) -> RevocationAnswer:
    match single.certificate_status:
        case ocsp.OCSPCertStatus.GOOD:
            return RevocationAnswer(RevocationStatus.GOOD)
        case ocsp.OCSPCertStatus.REVOKED:
            return _build_revoked_answer(single.revocation_time_utc, single.revocation_reason)
        case _:
            return build_unknown_answer(
                UnknownCode.NOT_KNOWN_THERE, "the responder does not know it"
            )


def read_crl(
    data: bytes, url: str, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> RevocationAnswer:
    """Read what a revocation list from `url` says of the certificate."""
    try:
        crl = x509.load_der_x509_crl(data)
        if crl.issuer != issuer.subject or not _is_crl_signed_by(crl, issuer):
            return build_unknown_answer(
                UnknownCode.WRONG_SIGNER, "the revocation list is not signed by the authority"
            )
        if not _is_current(crl.last_update_utc, crl.next_update_utc, now):
            return build_unknown_answer(
                UnknownCode.OUT_OF_DATE, "the revocation list is out of date"
            )
        if not _is_complete_for(crl, url):
            return build_unknown_answer(
                UnknownCode.OTHER_CERTIFICATE, "the revocation list is for other certificates"
            )
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is None:
            return RevocationAnswer(RevocationStatus.GOOD)
        return _build_revoked_answer(entry.revocation_date_utc, _get_reason(entry))
    except UNREADABLE:
        return build_unknown_answer(UnknownCode.UNREADABLE, "the revocation list cannot be read")


def _is_signed_by_authority(
    answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> bool:
    """Whether the issuer signed it, or a responder to which the issuer delegated this."""
    signers = [issuer, *(one for one in answer.certificates if _is_responder(one, issuer, now))]
    return any(_is_answer_signed_by(answer, signer) for signer in signers)


def _is_responder(one: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    uses = _get_extension(one, x509.ExtendedKeyUsage)
    may = uses is not None and ExtendedKeyUsageOID.OCSP_SIGNING in uses
    return (
        may
        and one.not_valid_before_utc <= now < one.not_valid_after_utc
        and is_issued_by(one, issuer)
    )


def _is_answer_signed_by(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
    key, digest = signer.public_key(), answer.signature_hash_algorithm
    signature, signed = answer.signature, answer.tbs_response_bytes
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(digest))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _is_crl_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return crl.is_signature_valid(key)


def _is_complete_for(crl: x509.CertificateRevocationList, url: str) -> bool:
    """Whether the list covers all certificates that name `url`; an authority may have several."""
    try:
        scope = crl.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    if scope.indirect_crl or scope.only_some_reasons or scope.only_contains_attribute_certs:
        return False
    return scope.full_name is None or url in _list_web_urls(scope.full_name)


def _is_current(since: datetime, until: datetime | None, now: datetime) -> bool:
    return since - CLOCK_SKEW <= now and (until is None or now < until + CLOCK_SKEW)


def _build_revoked_answer(at: datetime | None, reason: x509.ReasonFlags | None) -> RevocationAnswer:
    when = f"on {at:%Y-%m-%d %H:%M} UTC" if at else "at an unknown time"
    why = f" ({reason.value})" if reason else ""
    return RevocationAnswer(RevocationStatus.REVOKED, f"{when}{why}")


def _get_reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


def _get_extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _list_web_urls(names: Iterable[x509.GeneralName]) -> list[str]:
    """The names that are http or https URLs; nothing else is ever fetched."""
    uris = [each.value for each in names if isinstance(each, x509.UniformResourceIdentifier)]
    return [uri for uri in dict.fromkeys(uris) if _is_web_url(uri)]


def _is_web_url(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        return False
