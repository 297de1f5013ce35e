"""Matches SM2 keys with certificates, which `cryptography` cannot read. `certificates` calls it."""

from asn1crypto import keys, pem
from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from gmalg import SM2

CURVE = "1.2.156.10197.1.301"
BYTES = 32


def key_matches(leaf: x509.Certificate, key: str) -> bool:
    """Whether a private key, SEC1 or PKCS#8, belongs to the leaf; ValueError if unreadable."""
    parsed = Certificate.load(leaf.public_bytes(Encoding.DER))
    public = bytes(SM2().generate_pk(_read_number(key).to_bytes(BYTES)))
    return public == bytes(parsed.public_key["public_key"])


def _read_number(key: str) -> int:
    try:
        label, _, der = pem.unarmor(key.encode())
        if label == "EC PRIVATE KEY":
            inner = keys.ECPrivateKey.load(der, strict=True)
            curve = inner["parameters"].native
        else:
            whole = keys.PrivateKeyInfo.load(der, strict=True)
            inner = whole["private_key"].parsed
            curve = whole["private_key_algorithm"]["parameters"].native
        number = inner["private_key"].native
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError("the private key is unreadable") from error
    if curve != CURVE or not isinstance(number, int) or number.bit_length() > 8 * BYTES:
        raise ValueError("the private key is of another kind")
    return number
