"""A certificate authority in memory. `seeds` issues its certificates from it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

VALID = timedelta(days=60)
AUTHORITY_VALID = timedelta(days=3650)


class Authority:
    """A root and an issuing intermediate. All RSA leaves share one key: generating keys is slow."""

    def __init__(self, name: str) -> None:
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._root_key, self._key = _new_ec(), _new_ec()
        root, issuer = _build_name(f"{name} root"), _build_name(f"{name} CA")
        self._intermediate = self._sign(
            issuer, self._key.public_key(), root, self._root_key, AUTHORITY_VALID, ca=True
        )
        self._rsa: rsa.RSAPrivateKey | None = None

    def issue(
        self, names: Sequence[str], algorithm: str, valid: timedelta = VALID
    ) -> dict[str, str]:
        """`{"pem", "key"}` for these DNS names, valid from yesterday until `valid` from now.

        `algorithm` is "rsa" or "ec".
        """
        key = self._rsa_key() if algorithm == "rsa" else _new_ec()
        leaf = self._sign(
            _build_name(names[0]),
            key.public_key(),
            self._intermediate.subject,
            self._key,
            valid,
            names=names,
        )
        chain = (leaf, self._intermediate)
        return {"pem": "".join(map(_pem, chain)), "key": _key_pem(key)}

    def _rsa_key(self) -> rsa.RSAPrivateKey:
        if self._rsa is None:
            self._rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._rsa

    def _sign(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        issuer: x509.Name,
        issuer_key: Key,
        valid: timedelta,
        *,
        names: Sequence[str] = (),
        ca: bool = False,
    ) -> x509.Certificate:
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(days=1))
            .not_valid_after(self._now + valid)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issued_by, critical=False)
            .add_extension(x509.BasicConstraints(ca, 0 if ca else None), critical=True)
        )
        if names:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(purpose, False).add_extension(alternative, False)
        return builder.sign(issuer_key, hashes.SHA256())


def _new_ec() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _build_name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
