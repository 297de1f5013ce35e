"""Reads the first certificate of a PEM. The connectors call it for PEM that a service shows."""

from datetime import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from domain.certificates.keys import SM2_CURVE, Algorithm
from domain.certificates.validation import get_common_name


class Leaf(NamedTuple):
    """Digests and serial in lower-case hex, the serial without leading zeros; `not_after` UTC.

    `algorithm` is None for a key of an unknown kind, `issuer` a common name if it has one.
    """

    fingerprint: str
    sha1: str
    serial: str
    names: tuple[str, ...]
    not_after: datetime
    algorithm: str | None
    issuer: str | None


def read_leaf(pem: str) -> Leaf | None:
    """The first certificate in `pem`, None where there is none that can be read."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        names = _read_names(found)
    except (ValueError, x509.UnsupportedGeneralNameType):
        return None
    return Leaf(
        fingerprint=found.fingerprint(hashes.SHA256()).hex(),
        # Only an identifier in the cloud's listings; no trust depends on it.
        sha1=found.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 - as the comment above says
        serial=f"{found.serial_number:x}",
        names=names,
        not_after=found.not_valid_after_utc,
        algorithm=_read_algorithm(found),
        issuer=get_common_name(found.issuer),
    )


def _read_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


def _read_algorithm(certificate: x509.Certificate) -> str | None:
    try:
        key = certificate.public_key()
    except UnsupportedAlgorithm as unsupported:
        return Algorithm.SM2.value if SM2_CURVE in str(unsupported) else None
    except ValueError:
        return None
    if isinstance(key, rsa.RSAPublicKey):
        return Algorithm.RSA.value
    return Algorithm.EC.value if isinstance(key, ec.EllipticCurvePublicKey) else None
