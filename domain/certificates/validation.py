"""Reads the names of one certificate and checks that it is fit to be served; uploads call it."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from domain.certificates.hostnames import to_canonical
from domain.certificates.keys import Algorithm, build_unsupported_error, check_key_strength
from domain.certificates.pem import COPY_AGAIN
from domain.certificates.sm2 import BITS, SM2_WITH_SM3, is_sm2, read_public_point
from domain.errors import BadInput

STRONG_DIGESTS = {"sha256", "sha384", "sha512"}


class InputCertificate(NamedTuple):
    """A certificate and the file that it came from, for messages."""

    certificate: x509.Certificate
    where: str


def format_name(name: x509.Name) -> str:
    """A distinguished name as RFC 4514 text, safe to print."""
    return to_printable(name.rfc4514_string())


def get_common_name(name: x509.Name | str) -> str | None:
    """The common name in a distinguished name or in its RFC 4514 text; None if it has none."""
    try:
        parsed = x509.Name.from_rfc4514_string(name) if isinstance(name, str) else name
    except ValueError:
        return None
    found = parsed.get_attributes_for_oid(NameOID.COMMON_NAME)
    return to_printable(str(found[0].value)) if found else None


def to_printable(foreign: str) -> str:
    """Text from a certificate; characters that a terminal might obey are replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in foreign)


def describe_certificate(certificate: x509.Certificate) -> str:
    """The certificate's name in messages: its subject, else its first name, else its serial."""
    subject = format_name(certificate.subject)
    names = list_dns_names(certificate)
    return repr(subject or (names[0] if names else f"serial {certificate.serial_number:x}"))


def list_dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its DNS names in canonical form, each once, without those that no client accepts."""
    found = _get_alternative_names(certificate)
    names = map(to_canonical, found.get_values_for_type(x509.DNSName) if found else [])
    return tuple(dict.fromkeys(name for name in names if name))


def list_ip_addresses(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its IP addresses as text, each once."""
    found = _get_alternative_names(certificate)
    return tuple(
        dict.fromkeys(map(str, found.get_values_for_type(x509.IPAddress) if found else []))
    )


def _get_alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def check_strength(given: InputCertificate) -> tuple[Algorithm, int]:
    """The algorithm and bits of its key; raises BadInput for a weak or unsupported one."""
    certificate, where = given
    if is_sm2(certificate):
        return _check_sm2_strength(given)
    measured = check_key_strength(read_public_key(given), describe_certificate(certificate), where)
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    name = digest.name if digest else certificate.signature_algorithm_oid.dotted_string
    if name not in STRONG_DIGESTS:
        raise BadInput(
            f"{describe_certificate(certificate)} is signed with {name}, which browsers refuse",
            where=where,
            fix="Have it issued again, signed with SHA-256 or better.",
            code="weak-signature",
        )
    return measured


def _check_sm2_strength(given: InputCertificate) -> tuple[Algorithm, int]:
    certificate, where = given
    signature = certificate.signature_algorithm_oid.dotted_string
    if signature != SM2_WITH_SM3:
        raise BadInput(
            f"{describe_certificate(certificate)} has an SM2 key, but is signed with {signature}, "
            "not with SM3",
            where=where,
            fix="Have it issued again by an SM2 authority.",
            code="not-signed-with-sm3",
        )
    if read_public_point(certificate) is None:
        raise _build_damaged_error(given)
    return Algorithm.SM2, BITS


def read_public_key(given: InputCertificate) -> PublicKeyTypes:
    """Its public key, which must not be SM2; raises BadInput if it cannot be read."""
    try:
        return given.certificate.public_key()
    except UnsupportedAlgorithm as unsupported:
        raise build_unsupported_error(unsupported, given.where) from None
    except ValueError:
        raise _build_damaged_error(given) from None


def _build_damaged_error(given: InputCertificate) -> BadInput:
    return BadInput(
        f"the public key of {describe_certificate(given.certificate)} is damaged",
        where=given.where,
        fix=COPY_AGAIN,
        code="damaged-certificate",
    )


def check_time(given: InputCertificate, now: datetime) -> None:
    """Raise BadInput if the certificate has expired or is not valid yet."""
    certificate, where = given
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    title = describe_certificate(certificate)
    if now > until:
        raise BadInput(
            f"{title} expired on {_format_minute(until)}; it is {_format_minute(now)}",
            where=where,
            fix="Renew it, then upload the new one.",
            code="expired-certificate",
        )
    if now < since:
        raise BadInput(
            f"{title} is not valid before {_format_minute(since)}; it is {_format_minute(now)}",
            where=where,
            fix="Wait, or check this machine's clock.",
            code="not-yet-valid",
        )


def _format_minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def check_purpose(given: InputCertificate) -> None:
    """Raise BadInput if the leaf names no host or is not meant for TLS servers."""
    certificate, where = given
    if not list_dns_names(certificate) and not list_ip_addresses(certificate):
        raise BadInput(
            f"{describe_certificate(certificate)} has no usable subject alternative name",
            where=where,
            fix="Clients ignore the common name: have it issued with subject alternative names.",
            code="no-usable-name",
        )
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    accepted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if not accepted.intersection(uses):
        raise BadInput(
            f"{describe_certificate(certificate)} is not for servers: its extended key usage lacks "
            "serverAuth",
            where=where,
            fix="Have a TLS server certificate issued.",
            code="not-for-servers",
        )


def find_issuer_url(certificate: x509.Certificate) -> str | None:
    """The address of the issuer's certificate, if this certificate names one."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return None
    for entry in access.value:
        location = entry.access_location
        wanted = entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        if wanted and isinstance(location, x509.UniformResourceIdentifier):
            return to_printable(location.value)
    return None
