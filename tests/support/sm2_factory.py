"""SM2 certificates for tests: built as EC ones, then moved to the SM2 curve and signed again."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Self
from urllib.parse import quote, quote_plus

from asn1crypto.x509 import Certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID
from gmalg import SM2

from domain.certificates.certificate import Certificate as ParsedCertificate
from domain.certificates.keys import PrivateKey
from domain.certificates.sm2_pair import parse_sm2_pair
from starter.demo.ca import build_certificate, build_key_usage, build_name, to_pem
from tests.support.factory import DAY, ECDSA, NOW, P256, SM2_CURVE, SM2_SM3, encode_pem

UID = b"1234567812345678"
# The position of the secret number in the base64 of the DER of a key; the rest is public.
SECRET = {PrivateFormat.PKCS8: range(49, 90), PrivateFormat.TraditionalOpenSSL: range(10, 52)}
Key = ec.EllipticCurvePrivateKey


def generate_key() -> Key:
    """A P-256 key; its number is the number of the SM2 key too."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def compute_public_key(key: Key) -> bytes:
    """The SM2 public key of the same number."""
    public = SM2().generate_pk(key.private_numbers().private_value.to_bytes(32))
    assert isinstance(public, bytes)
    return public


def _encode_p256_point(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def encode_key_der(key: Key, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    """The SM2 key in PKCS#8 or SEC1."""
    der = key.private_bytes(Encoding.DER, form, NoEncryption())
    return der.replace(P256, SM2_CURVE).replace(_encode_p256_point(key), compute_public_key(key))


def encode_key_pem(key: Key) -> bytes:
    """The SM2 key as openssl writes it: PKCS#8, 64 characters a line."""
    return encode_pem("PRIVATE KEY", encode_key_der(key))


def encrypt_key_pem(key: Key, *, traditional: bool = False) -> bytes:
    """The key under a passphrase, which hides the curve."""
    form = PrivateFormat.TraditionalOpenSSL if traditional else PrivateFormat.PKCS8
    return key.private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"korrekt pferd"))


def sign_with_sm2(certificate: x509.Certificate, key: Key, issuer_key: Key) -> x509.Certificate:
    """The same certificate for the SM2 key, signed by the issuer with SM3."""
    der = certificate.public_bytes(Encoding.DER).replace(P256, SM2_CURVE).replace(ECDSA, SM2_SM3)
    parsed = Certificate.load(der.replace(_encode_p256_point(key), compute_public_key(key)))
    signer = SM2(issuer_key.private_numbers().private_value.to_bytes(32), UID)
    r, s = signer.sign(parsed["tbs_certificate"].dump())
    parsed["signature_value"] = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    return x509.load_der_x509_certificate(parsed.dump())


def build_sm2_certificate(
    subject: str,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    extensions: Sequence[x509.ExtensionType],
    not_before: datetime = NOW - DAY,
    not_after: datetime = NOW + 90 * DAY,
) -> x509.Certificate:
    builder = build_certificate(build_name(subject), key, issuer, issuer_key, not_before, not_after)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return sign_with_sm2(builder.sign(issuer_key, SHA256()), key, issuer_key)


def build_encryption_key_usage() -> x509.KeyUsage:
    return x509.KeyUsage(False, False, True, True, True, False, False, False, False)


@dataclass(frozen=True)
class Sm2Leaf:
    """One of the two certificates of a pair, with its key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @property
    def pem(self) -> bytes:
        """The certificate alone."""
        return to_pem(self.certificate)

    @property
    def key_pem(self) -> bytes:
        """Its key, not encrypted."""
        return encode_key_pem(self.key)


@dataclass(frozen=True)
class Sm2Authority:
    """One issuing certificate with its key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @classmethod
    def root(cls, name: str = "SM Root") -> Self:
        """A self-signed authority."""
        key, own = (
            generate_key(),
            (x509.BasicConstraints(True, None), build_key_usage(sign_certificates=True)),
        )
        return cls(build_sm2_certificate(name, key, build_name(name), key, own), key)

    def sub(self, name: str = "SM CA") -> Self:
        """An authority below this one."""
        key, own = (
            generate_key(),
            (x509.BasicConstraints(True, None), build_key_usage(sign_certificates=True)),
        )
        return type(self)(
            build_sm2_certificate(name, key, self.certificate.subject, self.key, own), key
        )

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return to_pem(self.certificate)

    def leaf(
        self,
        names: Sequence[str] = ("www.example.com",),
        *,
        key_usage: x509.KeyUsage | None = None,
        not_before: datetime = NOW - DAY,
        not_after: datetime = NOW + 90 * DAY,
    ) -> Sm2Leaf:
        """Issue a signing certificate, or one with another `key_usage`."""
        key = generate_key()
        extensions = [
            x509.BasicConstraints(False, None),
            key_usage or build_key_usage(sign_certificates=False),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]),
        ]
        subject = self.certificate.subject
        made = build_sm2_certificate(
            names[0], key, subject, self.key, extensions, not_before, not_after
        )
        return Sm2Leaf(made, key)


@dataclass
class Sm2Pair:
    """A parsed pair with its keys; `opened` counts how often the keys were read."""

    sign: Sm2Leaf
    encrypt: Sm2Leaf
    certificate: ParsedCertificate
    secret: PrivateKey = field(repr=False)
    opened: int = 0

    def key(self) -> PrivateKey:
        self.opened += 1
        return self.secret

    @property
    def key_fragments(self) -> list[str]:
        """Pieces of both keys in every encoding that a URL, a log or a repr may use."""
        pieces = [
            base64.b64encode(encode_key_der(key, form)).decode()[at : at + 16]
            for key in (self.sign.key, self.encrypt.key)
            for form, secret in SECRET.items()
            for at in range(secret.start, secret.stop - 15)
        ]
        return sorted({form(piece) for piece in pieces for form in (str, quote, quote_plus)})


def build_pair(name: str, *hosts: str, issuer: "Sm2Authority") -> Sm2Pair:
    sign, encrypt = issuer.leaf(hosts), issuer.leaf(hosts, key_usage=build_encryption_key_usage())
    certificate, secret = parse_sm2_pair(
        name,
        certificate=sign.pem,
        key=sign.key_pem,
        encrypt_certificate=encrypt.pem,
        encrypt_key=encrypt.key_pem,
        chain=issuer.pem,
        now=datetime.now(UTC),
    )
    return Sm2Pair(sign, encrypt, certificate, secret)
