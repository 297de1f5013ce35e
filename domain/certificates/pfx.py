"""PFX (PKCS#12) files: one key with its certificates, usually under a passphrase."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from domain.certificates.keys import unsupported_key
from domain.certificates.pem import certificate_from, is_cut, looks_binary
from domain.errors import BadInput


def open_pfx(
    data: bytes, passphrase: str | None, where: str
) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    """Its key and its certificates, at least one. Raises BadInput, never with key material."""
    if not data.strip():
        raise BadInput("the file is empty", where=where, fix="Give the file that was meant.")
    if not looks_binary(data):
        raise BadInput("is no PFX file", where=where, fix="If it is PEM, upload it as such.")
    if is_cut(data):
        raise BadInput(
            "truncated: the file is shorter than it says itself",
            where=where,
            fix="Copy the whole file again.",
        )
    content = _open(data, passphrase, where)
    held = [content.cert, *content.additional_certs]
    found = [
        certificate_from(entry.certificate.public_bytes(Encoding.DER)) for entry in held if entry
    ]
    certificates = [certificate for certificate in found if certificate]
    if content.key is None or not certificates:
        missing = "private key" if content.key is None else "certificate"
        raise BadInput(
            f"holds no {missing}", where=where, fix="Export it again, with key and chain."
        )
    return content.key, certificates


def _open(data: bytes, passphrase: str | None, where: str) -> PKCS12KeyAndCertificates:
    # Without a passphrase there are two forms: none at all, and the empty one.
    for password in (passphrase.encode(),) if passphrase else (None, b""):
        try:
            return load_pkcs12(data, password)
        except UnsupportedAlgorithm as unsupported:
            raise unsupported_key(unsupported, where) from None
        except ValueError:
            continue
    if passphrase:
        what, fix = "the passphrase is wrong, or the file is damaged", "Check the passphrase."
    else:
        what, fix = "needs a passphrase, or is damaged", "Give its passphrase as well."
    raise BadInput(what, where=where, fix=fix)
