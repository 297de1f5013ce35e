"""SM2 certificates and keys: signatures over SM3 verified, points and keys read.

The `cryptography` package reads such certificates, but neither their keys nor their signatures.
What does so here is plain Python, and not constant in time: it verifies and matches, and signs
nothing. Both packages are imported when first needed, for few uploads need them.
"""

import base64
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.keys import SM2_CURVE, only_key
from domain.certificates.pem import looks_binary
from domain.errors import BadInput

SM2_WITH_SM3 = "1.2.156.10197.1.501"
BITS = 256
IDENTITY = b"1234567812345678"
"""Whom a signature is by, where certificates do not say so: all of them agree on this one."""

BYTES = BITS // 8
UNCOMPRESSED = 0x04
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# What stands before the number and before the point of every key in PKCS#8; the lengths are fixed.
PKCS8 = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
POINT = bytes.fromhex("a144034200")
# The same for SEC1, where the curve stands between them.
SEC1, CURVE = bytes.fromhex("30770201010420"), bytes.fromhex("a00a06082a811ccf5501822d")
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True, repr=False)
class Sm2Key:
    """A private key: its number, and `point`, the public key as 65 bytes. Never shown."""

    number: int
    point: bytes

    def pem(self) -> bytes:
        """PKCS#8, unencrypted: "BEGIN PRIVATE KEY"."""
        return _armoured("PRIVATE KEY", PKCS8 + self.number.to_bytes(BYTES) + POINT + self.point)

    def traditional_pem(self) -> bytes:
        """The older form, SEC1, unencrypted: "BEGIN EC PRIVATE KEY"."""
        der = SEC1 + self.number.to_bytes(BYTES) + CURVE + POINT + self.point
        return _armoured("EC PRIVATE KEY", der)


def is_sm2(certificate: x509.Certificate) -> bool:
    """Whether its key lies on the SM2 curve."""
    try:
        certificate.public_key()
    except UnsupportedAlgorithm as unsupported:
        return SM2_CURVE in str(unsupported)
    except ValueError:
        return False
    return False


def point_of(certificate: x509.Certificate) -> bytes | None:
    """The public key of an SM2 certificate as 65 bytes; None if it is no point of the curve."""
    from asn1crypto.x509 import Certificate
    from gmalg import SM2

    parsed = Certificate.load(certificate.public_bytes(Encoding.DER))
    point = bytes(parsed.public_key["public_key"])
    if len(point) != 1 + 2 * BYTES or point[0] != UNCOMPRESSED:
        return None
    return point if SM2().verify_pk(point) else None


def signed(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `parent` is named as issuer and its SM2 key signed `child`, over SM3."""
    from gmalg import SM2

    named = child.issuer == parent.subject
    if not named or child.signature_algorithm_oid.dotted_string != SM2_WITH_SM3:
        return False
    point = point_of(parent)
    try:
        r, s = decode_dss_signature(child.signature)
    except ValueError:
        return False
    if point is None or not (0 < r < ORDER and 0 < s < ORDER):
        return False
    key = SM2(uid=IDENTITY, pk=point)
    told = key.verify(child.tbs_certificate_bytes, r.to_bytes(BYTES), s.to_bytes(BYTES))
    return bool(told)


def read_sm2_key(data: bytes, where: str) -> Sm2Key:
    """The one SM2 key of a PEM or DER file, PKCS#8 or SEC1, not encrypted.

    Raises BadInput, whose text and causes never hold any part of the file.
    """
    if looks_binary(data):
        der, encrypted = data, False
    else:
        block = only_key(data, where)
        encrypted = block.label == "ENCRYPTED PRIVATE KEY" or any(":" in ln for ln in block.lines)
        der = _decoded(block.lines)
    if encrypted:
        raise BadInput(
            "the private key is encrypted, and of SM2 only plain keys can be read",
            where=where,
            fix="Decrypt it first: openssl pkey -in FILE -out PLAIN.",
        )
    number = _number(der)
    if number is None:
        raise BadInput(
            "is no SM2 key, or is damaged",
            where=where,
            fix="Give the key with which this certificate was requested, in PKCS#8 or SEC1.",
        )
    return Sm2Key(number, _public(number))


def _armoured(label: str, der: bytes) -> bytes:
    body = base64.b64encode(der).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _decoded(lines: tuple[str, ...]) -> bytes:
    try:
        return base64.b64decode("".join("".join(lines).split()), validate=True)
    except ValueError:
        return b""


def _number(der: bytes) -> int | None:
    """The secret number of a key in either form; None for anything else."""
    from asn1crypto import keys

    try:
        whole = keys.PrivateKeyInfo.load(der, strict=True)
        curve = whole["private_key_algorithm"]["parameters"].native
        number = whole["private_key"].parsed["private_key"].native
    except UNREADABLE:
        try:
            inner = keys.ECPrivateKey.load(der, strict=True)
            curve, number = inner["parameters"].native, inner["private_key"].native
        except UNREADABLE:
            return None
    fits = curve == SM2_CURVE and isinstance(number, int) and 0 < number < ORDER - 1
    return number if fits else None


def _public(number: int) -> bytes:
    from gmalg import SM2

    return bytes(SM2().generate_pk(number.to_bytes(BYTES)))
