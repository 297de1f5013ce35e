"""Reading what an authority says of its certificates: OCSP answers and revocation lists. Pure.

Only what the authority has signed counts, and only while it is current.
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

from domain.certificates.chain import issued

SKEW = timedelta(minutes=5)
"""By how much the clock of a responder may be ahead of ours, or behind."""

T = TypeVar("T", bound=x509.ExtensionType)

UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


class Standing(StrEnum):
    """What is known of a certificate. `unknown` is neither of the others."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class Told(NamedTuple):
    """What an authority says, and since when or why not."""

    standing: Standing
    detail: str = ""


def unknown(why: str) -> Told:
    """Nobody could tell."""
    return Told(Standing.UNKNOWN, why)


def ocsp_urls(certificate: x509.Certificate) -> list[str]:
    """Where the certificate says that it may be asked for by OCSP; http and https only."""
    held = _extension(certificate, x509.AuthorityInformationAccess)
    entries = held if held is not None else ()
    wanted = AuthorityInformationAccessOID.OCSP
    return _web(each.access_location for each in entries if each.access_method == wanted)


def crl_urls(certificate: x509.Certificate) -> list[str]:
    """Where the certificate says that its authority's revocation list lies; http and https only."""
    held = _extension(certificate, x509.CRLDistributionPoints)
    points = held if held is not None else ()
    return _web(name for point in points for name in point.full_name or ())


def ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """The question in DER. By SHA-1, which names the issuer here and which all responders know."""
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - see above
    return asked.build().public_bytes(Encoding.DER)


def read_ocsp(
    data: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Told:
    """What a responder's answer says of the certificate."""
    try:
        answer = ocsp.load_der_ocsp_response(data)
        if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return unknown(f"the responder answers {answer.response_status.name.lower()}")
        if not _signed_by_authority(answer, issuer, now):
            return unknown("the responder's answer is not signed by the authority")
        serial = certificate.serial_number
        own = [each for each in answer.responses if each.serial_number == serial]
    except UNREADABLE:
        return unknown("the responder's answer cannot be read")
    current = [each for each in own if _current(each.this_update_utc, each.next_update_utc, now)]
    if not current:
        why = "is out of date" if own else "is about another certificate"
        return unknown(f"the responder's answer {why}")
    return _of_single(current[0])


def _of_single(single: ocsp.OCSPSingleResponse) -> Told:
    match single.certificate_status:
        case ocsp.OCSPCertStatus.GOOD:
            return Told(Standing.GOOD)
        case ocsp.OCSPCertStatus.REVOKED:
            return _revoked(single.revocation_time_utc, single.revocation_reason)
        case _:
            return unknown("the responder does not know it")


def read_crl(
    data: bytes, url: str, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> Told:
    """What a revocation list from `url` says of the certificate."""
    try:
        listed = x509.load_der_x509_crl(data)
        if listed.issuer != issuer.subject or not _signed(listed, issuer):
            return unknown("the revocation list is not signed by the authority")
        if not _current(listed.last_update_utc, listed.next_update_utc, now):
            return unknown("the revocation list is out of date")
        if not _is_for(listed, url):
            return unknown("the revocation list is for other certificates")
        entry = listed.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is None:
            return Told(Standing.GOOD)
        return _revoked(entry.revocation_date_utc, _reason(entry))
    except UNREADABLE:
        return unknown("the revocation list cannot be read")


def _signed_by_authority(
    answer: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> bool:
    """By the issuer itself, or by a responder to which it gave just this task."""
    signers = [issuer, *(one for one in answer.certificates if _is_responder(one, issuer, now))]
    return any(_verifies(answer, signer) for signer in signers)


def _is_responder(one: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    uses = _extension(one, x509.ExtendedKeyUsage)
    may = uses is not None and ExtendedKeyUsageOID.OCSP_SIGNING in uses
    return may and one.not_valid_before_utc <= now < one.not_valid_after_utc and issued(one, issuer)


def _verifies(answer: ocsp.OCSPResponse, signer: x509.Certificate) -> bool:
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


def _signed(listed: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    key = issuer.public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        return False
    return listed.is_signature_valid(key)


def _is_for(listed: x509.CertificateRevocationList, url: str) -> bool:
    """Whether it lists all certificates that name `url`: large authorities have several lists."""
    try:
        scope = listed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    except x509.ExtensionNotFound:
        return True
    if scope.indirect_crl or scope.only_some_reasons or scope.only_contains_attribute_certs:
        return False
    return scope.full_name is None or url in _web(scope.full_name)


def _current(since: datetime, until: datetime | None, now: datetime) -> bool:
    return since - SKEW <= now and (until is None or now < until + SKEW)


def _revoked(at: datetime | None, reason: x509.ReasonFlags | None) -> Told:
    when = f"on {at:%Y-%m-%d %H:%M} UTC" if at else "at a time not told"
    why = f" ({reason.value})" if reason else ""
    return Told(Standing.REVOKED, f"{when}{why}")


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


def _extension(certificate: x509.Certificate, kind: type[T]) -> T | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _web(names: Iterable[x509.GeneralName]) -> list[str]:
    """Those that are plain addresses of the web; no other scheme is ever fetched."""
    uris = [each.value for each in names if isinstance(each, x509.UniformResourceIdentifier)]
    return [uri for uri in dict.fromkeys(uris) if _is_web(uri)]


def _is_web(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    except ValueError:
        return False
