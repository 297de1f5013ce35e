"""Reads PFX (PKCS#12) files: one key with its certificates, usually encrypted by a passphrase."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs12 import (
    PKCS12KeyAndCertificates,
    load_pkcs12,
)

from domain.certificates.keys import build_unsupported_error
from domain.certificates.pem import (
    build_truncated_error,
    check_not_empty,
    is_der,
    is_truncated,
    load_certificate,
)
from domain.errors import BadInput


def read_pfx(
    data: bytes, passphrase: str | None, where: str
) -> tuple[PrivateKeyTypes, list[x509.Certificate]]:
    """The key and the certificates, at least one.

    Raises BadInput, which never holds key material.
    """
    check_not_empty(data, where)
    if not is_der(data):
        raise BadInput(
            "is not a PFX file",
            where=where,
            fix="If it is PEM, upload it with --certificate and --key.",
            code="not-a-pfx-file",
        )
    if is_truncated(data):
        raise build_truncated_error("the file is shorter than its length field says", where)
    content = _decrypt(data, passphrase, where)
    found = [
        load_certificate(entry.certificate.public_bytes(Encoding.DER))
        for entry in (content.cert, *content.additional_certs)
        if entry
    ]
    certificates = [certificate for certificate in found if certificate]
    if content.key is None:
        raise _build_missing_error("private key", "no-private-key", where)
    if not certificates:
        raise _build_missing_error("certificate", "no-certificate", where)
    return content.key, certificates


def _build_missing_error(part: str, code: str, where: str) -> BadInput:
    return BadInput(
        f"holds no {part}", where=where, fix="Export it again, with key and chain.", code=code
    )


def _decrypt(data: bytes, passphrase: str | None, where: str) -> PKCS12KeyAndCertificates:
    # Without a passphrase there are two forms: no password at all, and an empty one.
    for password in (passphrase.encode(),) if passphrase else (None, b""):
        try:
            return load_pkcs12(data, password)
        except UnsupportedAlgorithm as unsupported:
            raise build_unsupported_error(unsupported, where) from None
        except ValueError:
            continue
    if passphrase:
        raise BadInput(
            "the passphrase is wrong, or the file is damaged",
            where=where,
            fix="Check the passphrase.",
            code="wrong-passphrase",
        )
    raise BadInput(
        "needs a passphrase, or is damaged",
        where=where,
        fix="Give its passphrase as well.",
        code="passphrase-required",
    )
