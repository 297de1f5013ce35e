"""What a single certificate must satisfy before any service is asked to serve it."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from domain.certificates.hostnames import canonical
from domain.certificates.keys import Algorithm, measure, unsupported_key
from domain.certificates.sm2 import BITS, SM2_WITH_SM3, is_sm2, point_of
from domain.errors import BadInput

STRONG_DIGESTS = {"sha256", "sha384", "sha512"}


class Given(NamedTuple):
    """A certificate and the file that it came from."""

    certificate: x509.Certificate
    where: str


def text(name: x509.Name) -> str:
    """A distinguished name as RFC 4514 text, safe to print."""
    return printable(name.rfc4514_string())


def common_name(name: x509.Name | str) -> str | None:
    """Of a distinguished name, or of its RFC 4514 text, the common name; None where it has none."""
    try:
        parsed = x509.Name.from_rfc4514_string(name) if isinstance(name, str) else name
    except ValueError:
        return None
    found = parsed.get_attributes_for_oid(NameOID.COMMON_NAME)
    return printable(str(found[0].value)) if found else None


def printable(foreign: str) -> str:
    """Text from a certificate without whatever could play tricks with a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in foreign)


def title(certificate: x509.Certificate) -> str:
    """What a message calls this certificate: its subject, or its first name, or its serial."""
    subject = text(certificate.subject)
    names = names_of(certificate)
    return repr(subject or (names[0] if names else f"serial {certificate.serial_number:x}"))


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its DNS names in canonical form, each once; those that no client would accept left out."""
    held = _alternative_names(certificate)
    names = map(canonical, held.get_values_for_type(x509.DNSName) if held else [])
    return tuple(dict.fromkeys(name for name in names if name))


def addresses_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Its IP addresses as text, each once."""
    held = _alternative_names(certificate)
    return tuple(dict.fromkeys(map(str, held.get_values_for_type(x509.IPAddress) if held else [])))


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def check_strength(given: Given) -> tuple[Algorithm, int]:
    """Algorithm and bits of its key; refuses weak or unsupported keys and signatures."""
    certificate, where = given
    if is_sm2(certificate):
        return _sm2_strength(given)
    measured = measure(public_key(given), title(certificate), where)
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        digest = None
    name = digest.name if digest else certificate.signature_algorithm_oid.dotted_string
    if name not in STRONG_DIGESTS:
        raise BadInput(
            f"{title(certificate)} is signed with {name}, which browsers refuse",
            where=where,
            fix="Have it issued anew, signed with SHA-256 or better.",
        )
    return measured


def _sm2_strength(given: Given) -> tuple[Algorithm, int]:
    certificate, where = given
    signature = certificate.signature_algorithm_oid.dotted_string
    if signature != SM2_WITH_SM3:
        raise BadInput(
            f"{title(certificate)} has an SM2 key, but is signed with {signature}, not with SM3",
            where=where,
            fix="Have it issued anew by an SM2 authority.",
        )
    if point_of(certificate) is None:
        raise _damaged(given)
    return Algorithm.SM2, BITS


def public_key(given: Given) -> PublicKeyTypes:
    """Its public key, not of SM2; refuses what cannot be read."""
    try:
        return given.certificate.public_key()
    except UnsupportedAlgorithm as unsupported:
        raise unsupported_key(unsupported, given.where) from None
    except ValueError:
        raise _damaged(given) from None


def _damaged(given: Given) -> BadInput:
    return BadInput(
        f"the public key of {title(given.certificate)} is damaged",
        where=given.where,
        fix="Copy the whole file again.",
    )


def check_time(given: Given, now: datetime) -> None:
    """Refuses what has expired or is not valid yet."""
    certificate, where = given
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now > until:
        what, fix = f"expired on {_minute(until)}", "Renew it, then upload the new one."
    elif now < since:
        what, fix = f"is not valid before {_minute(since)}", "Wait, or check this machine's clock."
    else:
        return
    raise BadInput(f"{title(certificate)} {what}; it is {_minute(now)}", where=where, fix=fix)


def _minute(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def check_purpose(given: Given) -> None:
    """Refuses a leaf that names no host, or that may not serve TLS."""
    certificate, where = given
    if not names_of(certificate) and not addresses_of(certificate):
        raise BadInput(
            f"{title(certificate)} has no usable subject alternative name",
            where=where,
            fix="Clients ignore the common name: have it issued with its names there.",
        )
    try:
        uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    accepted = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
    if not accepted.intersection(uses):
        raise BadInput(
            f"{title(certificate)} is not for servers: its extended key usage lacks serverAuth",
            where=where,
            fix="Have a TLS server certificate issued.",
        )


def issuer_url(certificate: x509.Certificate) -> str | None:
    """Where the certificate itself says that its issuer's can be fetched."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return None
    for entry in access.value:
        place = entry.access_location
        wanted = entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        if wanted and isinstance(place, x509.UniformResourceIdentifier):
            return printable(place.value)
    return None
