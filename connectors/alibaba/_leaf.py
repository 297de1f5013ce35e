"""What a PEM tells about its first certificate."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes


class Leaf(NamedTuple):
    """Digests and serial in lower-case hex, the serial without leading zeros; `not_after` UTC."""

    fingerprint: str
    sha1: str
    serial: str
    names: tuple[str, ...]
    not_after: datetime


def read_leaf(pem: str) -> Leaf | None:
    """The first certificate in `pem`, None where there is none that can be read."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        names = _names(found)
    except (ValueError, x509.UnsupportedGeneralNameType):
        return None
    return Leaf(
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        # An identifier in the cloud's listings, which nothing is trusted by.
        sha1=found.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - as the comment above says
        serial=f"{found.serial_number:x}",
        names=names,
        not_after=found.not_valid_after_utc,
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))
