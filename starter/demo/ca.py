"""A test CA for the demo and for tests: nothing trusts it by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CURVES: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1()}


def generate_key(algorithm: str = "ec", bits: int | None = None) -> Key:
    """A new key: "ec" of 256 (default) or 384 bits, "rsa" of 2048 (default) or more."""
    if algorithm == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=bits or 2048)
    return ec.generate_private_key(CURVES[bits or 256])


def to_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def build_name(common_name: str) -> x509.Name:
    """A subject with a common name only, cut to the 64 characters that X.509 allows."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, which its repr hides."""

    certificate: x509.Certificate
    issuers: tuple[x509.Certificate, ...]
    key: Key = field(repr=False)

    @property
    def leaf_pem(self) -> bytes:
        """The leaf alone."""
        return to_pem(self.certificate)

    @property
    def chain_pem(self) -> bytes:
        """The intermediates alone."""
        return b"".join(map(to_pem, self.issuers))

    @property
    def pem(self) -> bytes:
        """Leaf and intermediates, as a server sends them."""
        return self.leaf_pem + self.chain_pem

    @property
    def key_pem(self) -> bytes:
        """The private key as unencrypted PKCS#8."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf, lower-case hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


class PracticeCA:
    """A root and an issuing intermediate; their keys exist only in this object."""

    def __init__(self, name: str = "certroll practice", algorithm: str = "ec") -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        self._until = now + timedelta(days=3650)
        self._since = now - timedelta(days=3650)
        self.root_key, self.key = generate_key(algorithm), generate_key(algorithm)
        root, intermediate = build_name(f"{name} root"), build_name(f"{name} CA 1")
        self.root = self._sign_ca(root, self.root_key, issuer=root, path_length=1)
        self.intermediate = self._sign_ca(intermediate, self.key, issuer=root, path_length=0)

    @property
    def root_pem(self) -> bytes:
        """The root, which a client must trust."""
        return to_pem(self.root)

    @property
    def intermediate_pem(self) -> bytes:
        """The issuing intermediate."""
        return to_pem(self.intermediate)

    def _sign_ca(
        self, subject: x509.Name, key: Key, *, issuer: x509.Name, path_length: int
    ) -> x509.Certificate:
        builder = build_certificate(subject, key, issuer, self.root_key, self._since, self._until)
        builder = builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
        builder = builder.add_extension(build_key_usage(sign_certificates=True), critical=True)
        return builder.sign(self.root_key, hashes.SHA256())

    def issue(
        self,
        names: Sequence[str],
        *,
        algorithm: str = "ec",
        key_bits: int | None = None,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        key: Key | None = None,
    ) -> Issued:
        """A server certificate for `names` (A-labels, wildcards too), by default for 90 days."""
        now = datetime.now(UTC).replace(microsecond=0)
        start = not_before or now - timedelta(days=1)
        end = not_after or now + timedelta(days=90)
        key = key or generate_key(algorithm, key_bits)
        builder = build_certificate(
            build_name(names[0]), key, self.intermediate.subject, self.key, start, end
        )
        builder = builder.add_extension(x509.BasicConstraints(False, None), critical=True)
        builder = builder.add_extension(build_key_usage(sign_certificates=False), critical=True)
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternative, critical=False)
        return Issued(builder.sign(self.key, hashes.SHA256()), (self.intermediate,), key)


def build_certificate(
    subject: x509.Name,
    key: Key,
    issuer: x509.Name,
    issuer_key: Key,
    not_before: datetime,
    not_after: datetime,
) -> x509.CertificateBuilder:
    """A certificate to sign, with the key identifiers that verifiers need."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def build_key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    """The key usage for signing certificates, or for serving TLS."""
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )
