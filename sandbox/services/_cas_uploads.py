"""Reads and checks an upload to the certificate store: a certificate or an SM2 pair.

Unconfirmed against the real cloud: the codes of the refusals, and that a pair's halves must be
for the same names.
"""

from typing import NamedTuple

from sandbox.certificates import key_matches, read_facts
from sandbox.errors import ApiError
from sandbox.service import Params


class Half(NamedTuple):
    """A chain with the key of its leaf, as PEM."""

    pem: str
    key: str


class Upload(NamedTuple):
    """`encrypt` is the other half of an SM2 pair, whose `main` half signs."""

    main: Half
    encrypt: Half | None = None


def read_upload(params: Params) -> Upload:
    """The certificate; the fields of a pair are ignored where the usual ones are there."""
    if params.get("SignCert") and not (params.get("Cert") and params.get("Key")):
        sign = _read_half(params, "SignCert", "SignPrivateKey", sm2=True)
        encrypt = _read_half(params, "EncryptCert", "EncryptPrivateKey", sm2=True)
        if set(read_facts(sign.pem).names) != set(read_facts(encrypt.pem).names):
            raise _build_malformed_error()
        return Upload(sign, encrypt)
    return Upload(_read_half(params, "Cert", "Key", sm2=False))


def _read_half(params: Params, certificate: str, private: str, *, sm2: bool) -> Half:
    pem, key = params.require(certificate), params.require(private)
    try:
        facts = read_facts(pem)
    except ValueError:
        raise _build_malformed_error() from None
    if (facts.algorithm == "SM2") is not sm2:
        raise _build_malformed_error()
    try:
        matches = key_matches(pem, key)
    except ValueError:
        raise ApiError("InvalidPrivateKey", "The private key is malformed.") from None
    if not matches:
        raise ApiError(
            "CertificateNotMatchPrivateKey", "The certificate and the private key do not match."
        )
    return Half(pem, key)


def _build_malformed_error() -> ApiError:
    return ApiError("InvalidCertificate", "The certificate is malformed.")
