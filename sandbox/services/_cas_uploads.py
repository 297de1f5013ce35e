"""What an upload to the certificate store holds, checked: a certificate, or an SM2 pair.

Unconfirmed against the real cloud: the codes of the refusals, and that a pair's halves must be
for the same names.
"""

from typing import NamedTuple

from sandbox.certificates import key_matches, read
from sandbox.errors import CloudError
from sandbox.service import Params


class Half(NamedTuple):
    """A chain with the key of its leaf, as PEM."""

    pem: str
    key: str


class Upload(NamedTuple):
    """`encrypt` is the other half of an SM2 pair, whose `main` half signs."""

    main: Half
    encrypt: Half | None = None


def uploaded(params: Params) -> Upload:
    """The certificate; the fields of a pair are ignored where the usual ones are there."""
    if params.get("SignCert") and not (params.get("Cert") and params.get("Key")):
        sign = _half(params, "SignCert", "SignPrivateKey", sm2=True)
        encrypt = _half(params, "EncryptCert", "EncryptPrivateKey", sm2=True)
        if set(read(sign.pem).names) != set(read(encrypt.pem).names):
            raise _malformed()
        return Upload(sign, encrypt)
    return Upload(_half(params, "Cert", "Key", sm2=False))


def _half(params: Params, certificate: str, private: str, *, sm2: bool) -> Half:
    pem, key = params.need(certificate), params.need(private)
    try:
        facts = read(pem)
    except ValueError:
        raise _malformed() from None
    if (facts.algorithm == "SM2") is not sm2:
        raise _malformed()
    try:
        matches = key_matches(pem, key)
    except ValueError:
        raise CloudError("InvalidPrivateKey", "The private key is malformed.") from None
    if not matches:
        raise CloudError(
            "CertificateNotMatchPrivateKey", "The certificate and the private key do not match."
        )
    return Half(pem, key)


def _malformed() -> CloudError:
    return CloudError("InvalidCertificate", "The certificate is malformed.")
