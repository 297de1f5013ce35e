"""Reads certificates. The store and the services call it.

It shares no code with the project's own reader, so that both cannot make the same mistake.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sandbox import sm2


@dataclass(frozen=True, slots=True)
class Link:
    """The fields of one certificate of a chain that listings show. Times are aware."""

    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime

    @property
    def remaining_days(self) -> int:
        """Whole days until it expires; negative afterwards."""
        return (self.not_after - datetime.now(UTC)).days


@dataclass(frozen=True, slots=True)
class Facts:
    """The leaf of a PEM. Fingerprints are lower-case hex; `names` are the DNS names it is for."""

    names: tuple[str, ...]
    common_name: str
    organization: str
    issuer: str
    algorithm: str
    key_size: int
    serial: str
    sha1: str
    sha256: str
    chain: tuple[Link, ...]

    @property
    def not_before(self) -> datetime:
        """From when the leaf is valid."""
        return self.chain[0].not_before

    @property
    def not_after(self) -> datetime:
        """Until when the leaf is valid."""
        return self.chain[0].not_after

    @property
    def is_expired(self) -> bool:
        """Whether the leaf has expired."""
        return self.not_after <= datetime.now(UTC)


@lru_cache(maxsize=131_072)
def read_facts(pem: str) -> Facts:
    """Facts of the first certificate of a PEM; raises ValueError when there is none to read."""
    chain = x509.load_pem_x509_certificates(pem.encode())
    leaf = chain[0]
    algorithm, size = _read_key_type(leaf)
    return Facts(
        names=_read_names(leaf),
        common_name=_get_first(leaf.subject, NameOID.COMMON_NAME)
        or next(iter(_read_names(leaf)), ""),
        organization=_get_first(leaf.subject, NameOID.ORGANIZATION_NAME),
        issuer=_get_first(leaf.issuer, NameOID.COMMON_NAME),
        algorithm=algorithm,
        key_size=size,
        serial=_format_serial(leaf.serial_number),
        sha1=leaf.fingerprint(hashes.SHA1()).hex(),  # noqa: S303 the cloud shows this fingerprint
        sha256=leaf.fingerprint(hashes.SHA256()).hex(),
        chain=tuple(_to_link(one) for one in chain),
    )


def key_matches(pem: str, key: str) -> bool:
    """Whether an unencrypted private key belongs to the leaf; ValueError when it is unreadable."""
    leaf = x509.load_pem_x509_certificates(pem.encode())[0]
    if _read_key_type(leaf)[0] == "SM2":
        return sm2.key_matches(leaf, key)
    try:
        private = serialization.load_pem_private_key(
            key.encode(), None, unsafe_skip_rsa_key_validation=True
        )
    except (TypeError, UnsupportedAlgorithm):
        raise ValueError("the private key is encrypted or of an unknown kind") from None
    return private.public_key() == leaf.public_key()


def covers(names: tuple[str, ...], host: str) -> bool:
    """Whether a certificate is for a host. `.example.com` stands for every name one label below."""
    if host.startswith("."):
        return f"*{host}" in names
    return host in names or f"*.{host.partition('.')[2]}" in names


def _read_names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


def _get_first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


def _read_key_type(leaf: x509.Certificate) -> tuple[str, int]:
    try:
        key = leaf.public_key()
    except UnsupportedAlgorithm as unsupported:
        if sm2.CURVE in str(unsupported):
            return "SM2", 8 * sm2.BYTES
        raise ValueError("the key of this certificate is of an unknown kind") from None
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECC", key.key_size
    raise ValueError("the key of this certificate is neither RSA nor EC")


def _format_serial(number: int) -> str:
    """Hex as the certificate store writes it: padded with zeros, never an odd number of digits."""
    digits = format(number, "x").zfill(32)
    return digits.zfill(len(digits) + len(digits) % 2)


def _to_link(one: x509.Certificate) -> Link:
    return Link(
        _get_first(one.subject, NameOID.COMMON_NAME),
        _get_first(one.issuer, NameOID.COMMON_NAME),
        one.not_valid_before_utc,
        one.not_valid_after_utc,
    )
