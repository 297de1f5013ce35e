"""Verifies SM2 signatures over SM3 and reads SM2 keys; called when certificates are parsed.

The `cryptography` package reads SM2 certificates, but neither their keys nor their signatures. The
packages `gmalg` and `asn1crypto` do. They are plain Python and do not run in constant time; here
they only verify and compare, and never sign. They are imported on first use, since few uploads
need them.
"""

import base64
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

from domain.certificates.keys import SM2_CURVE, find_key_block
from domain.certificates.pem import is_der
from domain.errors import BadInput

SM2_WITH_SM3 = "1.2.156.10197.1.501"
BITS = 256
IDENTITY = b"1234567812345678"
"""The signer's identity that SM2 signatures include; all certificates use this default."""

BYTES = BITS // 8
UNCOMPRESSED = 0x04
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
# The bytes before the number and before the point of every key in PKCS#8; the lengths are fixed.
PKCS8 = bytes.fromhex("308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420")
POINT = bytes.fromhex("a144034200")
# The same for SEC1, which has the curve between them.
SEC1, CURVE = bytes.fromhex("30770201010420"), bytes.fromhex("a00a06082a811ccf5501822d")
UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)


@dataclass(frozen=True, slots=True, repr=False)
class Sm2Key:
    """A private key: its secret number, and `point`, the public key as 65 bytes. Has no repr."""

    number: int
    point: bytes

    def pem(self) -> bytes:
        """Unencrypted PKCS#8: "BEGIN PRIVATE KEY"."""
        return _to_pem("PRIVATE KEY", PKCS8 + self.number.to_bytes(BYTES) + POINT + self.point)

    def traditional_pem(self) -> bytes:
        """Unencrypted SEC1, the older form: "BEGIN EC PRIVATE KEY"."""
        der = SEC1 + self.number.to_bytes(BYTES) + CURVE + POINT + self.point
        return _to_pem("EC PRIVATE KEY", der)


def is_sm2(certificate: x509.Certificate) -> bool:
    """Whether its key is on the SM2 curve."""
    try:
        certificate.public_key()
    except UnsupportedAlgorithm as unsupported:
        return SM2_CURVE in str(unsupported)
    except ValueError:
        return False
    return False


def read_public_point(certificate: x509.Certificate) -> bytes | None:
    """The public key of an SM2 certificate as 65 bytes; None if it is not on the curve."""
    from asn1crypto.x509 import Certificate
    from gmalg import SM2

    parsed = Certificate.load(certificate.public_bytes(Encoding.DER))
    point = bytes(parsed.public_key["public_key"])
    if len(point) != 1 + 2 * BYTES or point[0] != UNCOMPRESSED:
        return None
    return point if SM2().verify_pk(point) else None


def is_issued_by_sm2(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether `child` names `parent` as its issuer and the SM2 key of `parent` signed it."""
    from gmalg import SM2

    named = child.issuer == parent.subject
    if not named or child.signature_algorithm_oid.dotted_string != SM2_WITH_SM3:
        return False
    point = read_public_point(parent)
    try:
        r, s = decode_dss_signature(child.signature)
    except ValueError:
        return False
    if point is None or not (0 < r < ORDER and 0 < s < ORDER):
        return False
    key = SM2(uid=IDENTITY, pk=point)
    signature = r.to_bytes(BYTES), s.to_bytes(BYTES)
    return bool(key.verify(child.tbs_certificate_bytes, *signature))


def read_sm2_key(data: bytes, where: str) -> Sm2Key:
    """The only SM2 key of a PEM or DER file, PKCS#8 or SEC1, not encrypted.

    Raises BadInput, which never holds any part of the file.
    """
    if is_der(data):
        der, encrypted = data, False
    else:
        block = find_key_block(data, where)
        encrypted = block.label == "ENCRYPTED PRIVATE KEY" or any(":" in ln for ln in block.lines)
        der = _decode(block.lines)
    if encrypted:
        raise BadInput(
            "the private key is encrypted; SM2 keys can only be read unencrypted",
            where=where,
            fix="Decrypt it first: openssl pkey -in FILE -out PLAIN.",
            code="encrypted-sm2-key",
        )
    number = _read_number(der)
    if number is None:
        raise BadInput(
            "is not an SM2 key, or is damaged",
            where=where,
            fix="Give the key with which this certificate was requested, in PKCS#8 or SEC1.",
            code="not-an-sm2-key",
        )
    return Sm2Key(number, _compute_point(number))


def _to_pem(label: str, der: bytes) -> bytes:
    body = base64.b64encode(der).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _decode(lines: tuple[str, ...]) -> bytes:
    try:
        return base64.b64decode("".join("".join(lines).split()), validate=True)
    except ValueError:
        return b""


def _read_number(der: bytes) -> int | None:
    """The secret number of a key in PKCS#8 or SEC1; None for anything else."""
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


def _compute_point(number: int) -> bytes:
    from gmalg import SM2

    return bytes(SM2().generate_pk(number.to_bytes(BYTES)))
