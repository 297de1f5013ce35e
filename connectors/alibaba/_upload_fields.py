"""What an upload to the certificate store holds: a certificate with its key, or an SM2 pair.

Unconfirmed, and kept here only: the certificate that signs comes with its chain, the one that
encrypts alone. The keys of a pair go in the form of the documents' example, SEC1.
"""

from domain.certificate import Certificate
from domain.connector import OpenKey
from domain.sm2 import read_sm2_key


def upload_fields(certificate: Certificate, key: OpenKey) -> dict[str, object]:
    """The fields with certificate and key; those of a pair count only where the usual are empty."""
    if certificate.encrypt_pem is None:
        # The older form: the cloud's consoles ask for it, and all its products take it.
        pem = key().traditional_pem().decode()
        return {"Cert": certificate.chain_pem, "Key": pem}
    sign, decrypt = (read_sm2_key(half, "vault").traditional_pem() for half in key().pair())
    return {
        "SignCert": certificate.chain_pem,
        "SignPrivateKey": sign.decode(),
        "EncryptCert": certificate.encrypt_pem,
        "EncryptPrivateKey": decrypt.decode(),
    }
