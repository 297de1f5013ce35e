"""Certificates for tests: valid ones as the demonstration issues them, and all malformed kinds."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from starter.demo.ca import (
    Issued,
    Key,
    PracticeCA,
    build_certificate,
    build_key_usage,
    build_name,
    generate_key,
    to_pem,
)

Leaf = Issued
DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)

# Object identifiers in DER. Both of a pair have one length, so that one can replace the other.
RSA_SHA256, RSA_SHA1 = (bytes.fromhex(f"06092a864886f70d0101{last}") for last in ("0b", "05"))
P256, SM2_CURVE = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a811ccf5501822d")
ECDSA, SM2_SM3 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a811ccf55018375")


@cache
def get_rsa_key(bits: int = 2048, slot: int = 0) -> rsa.RSAPrivateKey:
    """One key per process, size and slot, because RSA keys are slow to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def get_key(algorithm: str, bits: int | None) -> Key:
    """A new EC key, or the RSA key of that size."""
    return get_rsa_key(bits or 2048) if algorithm == "rsa" else generate_key(algorithm, bits)


@dataclass(frozen=True)
class Authority:
    """An issuing certificate with its key, and the `intermediates` above it."""

    certificate: x509.Certificate
    key: Key
    intermediates: tuple[x509.Certificate, ...] = ()

    @classmethod
    def root(cls, name: str = "Root", *, key: Key | None = None) -> Self:
        """A self-signed authority."""
        key = key or generate_key()
        return cls(_build_authority(build_name(name), key, build_name(name), key), key)

    def sub(
        self,
        name: str,
        *,
        key: Key | None = None,
        ca: bool = True,
        may_sign: bool = True,
        path_length: int | None = None,
        not_before: datetime = NOW - 100 * DAY,
        not_after: datetime = NOW + 1000 * DAY,
    ) -> Self:
        """An authority below this one, or a certificate that wrongly poses as one."""
        key = key or generate_key()
        certificate = _build_authority(
            build_name(name),
            key,
            self.certificate.subject,
            self.key,
            constraints=x509.BasicConstraints(ca, path_length),
            may_sign=may_sign,
            not_before=not_before,
            not_after=not_after,
        )
        own = () if self.certificate.issuer == self.certificate.subject else (self.certificate,)
        return type(self)(certificate, key, (*own, *self.intermediates))

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return to_pem(self.certificate)

    def leaf(
        self,
        names: Sequence[str] = ("www.example.com",),
        *,
        algorithm: str = "ec",
        key_bits: int | None = None,
        key: Key | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        addresses: Sequence[str] = (),
        subject: x509.Name | None = None,
        ca: bool = False,
        for_servers: bool = True,
        issuer_url: str | None = None,
        extra: Sequence[x509.ExtensionType] = (),
    ) -> Leaf:
        """Issue a leaf; without names and addresses it has no subject alternative name."""
        key = key or get_key(algorithm, key_bits)
        start, end = not_before or NOW - DAY, not_after or NOW + 90 * DAY
        who = build_name(names[0] if names else "no names") if subject is None else subject
        builder = build_certificate(who, key, self.certificate.subject, self.key, start, end)
        kind = ExtendedKeyUsageOID.SERVER_AUTH if for_servers else ExtendedKeyUsageOID.CLIENT_AUTH
        extensions = [
            x509.BasicConstraints(ca, None),
            build_key_usage(sign_certificates=ca),
            x509.ExtendedKeyUsage([kind]),
            *_build_alternative_names(names, addresses),
            *_build_issuer_access(issuer_url),
            *extra,
        ]
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        signed = builder.sign(self.key, hashes.SHA256())
        own = () if self.certificate.issuer == self.certificate.subject else (self.certificate,)
        return Leaf(signed, (*own, *self.intermediates), key)


def _build_authority(
    subject: x509.Name,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    *,
    constraints: x509.BasicConstraints | None = None,
    may_sign: bool = True,
    not_before: datetime = NOW - 1000 * DAY,
    not_after: datetime = NOW + 3000 * DAY,
) -> x509.Certificate:
    builder = build_certificate(subject, key, issuer, issuer_key, not_before, not_after)
    basic = constraints or x509.BasicConstraints(True, None)
    builder = builder.add_extension(basic, critical=True)
    builder = builder.add_extension(build_key_usage(sign_certificates=may_sign), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _build_alternative_names(
    names: Sequence[str], addresses: Sequence[str]
) -> list[x509.ExtensionType]:
    entries: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    entries += [x509.IPAddress(ip_address(address)) for address in addresses]
    return [x509.SubjectAlternativeName(entries)] if entries else []


def _build_issuer_access(url: str | None) -> list[x509.ExtensionType]:
    if url is None:
        return []
    where = x509.UniformResourceIdentifier(url)
    access = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)
    return [x509.AuthorityInformationAccess([access])]


class CA(PracticeCA):
    """The authority of the demonstration; `leaf` issues from it as `Authority.leaf` does."""

    @property
    def issuing(self) -> Authority:
        """Its intermediate, which can issue malformed leaves too."""
        return Authority(self.intermediate, self.key)

    def leaf(
        self,
        names: Sequence[str] = ("www.example.com",),
        *,
        algorithm: str = "ec",
        key_bits: int | None = None,
        key: Key | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
    ) -> Leaf:
        """Issue a valid leaf; `issuing` issues malformed ones."""
        return self.issue(
            names,
            key=key or get_key(algorithm, key_bits),
            not_before=not_before,
            not_after=not_after,
        )


def build_self_signed(names: Sequence[str] = ("www.example.com",), *, ca: bool = False) -> Leaf:
    """A leaf that is its own issuer; with `ca`, as the openssl command makes it by default."""
    key, who = generate_key(), build_name(names[0])
    own = Authority(_build_authority(who, key, who, key), key)
    return own.leaf(names, key=key, subject=who, ca=ca)


def relabel_as_sha1(pem: bytes) -> bytes:
    """A certificate that an RSA key signed, relabelled as signed with SHA-1."""
    der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
    return encode_pem("CERTIFICATE", der.replace(RSA_SHA256, RSA_SHA1))


def relabel_as_sm2(pem: bytes) -> bytes:
    """A P-256 certificate or PKCS#8 key relabelled as SM2: the form is right, the numbers not."""
    label = pem.split(b"-----")[1].removeprefix(b"BEGIN ").decode()
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    return encode_pem(label, der.replace(P256, SM2_CURVE).replace(ECDSA, SM2_SM3))


def encode_pem(label: str, der: bytes) -> bytes:
    """PEM as openssl writes it, with 64 characters per line."""
    body = base64.b64encode(der).decode()
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def encrypt_key(leaf: Leaf, passphrase: str, *, traditional: bool = False) -> bytes:
    """The key under a passphrase, as PKCS#8 or in the older form with headers."""
    form = serialization.PrivateFormat
    return leaf.key.private_bytes(
        serialization.Encoding.PEM,
        form.TraditionalOpenSSL if traditional else form.PKCS8,
        serialization.BestAvailableEncryption(passphrase.encode()),
    )


def build_pfx(
    leaf: Leaf,
    passphrase: str | None = None,
    *,
    with_key: bool = True,
    with_leaf: bool = True,
    with_chain: bool = True,
) -> bytes:
    """Leaf, key and intermediates as one PKCS#12 file, or without a part."""
    protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        protection = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(
        b"test",
        leaf.key if with_key else None,
        leaf.certificate if with_leaf else None,
        leaf.issuers if with_chain else None,
        protection,
    )
