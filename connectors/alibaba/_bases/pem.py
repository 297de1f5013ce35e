"""The base of services that take only PEM: certificate and key come from our own vault.

These services show which certificate they serve, never its key. So a rollback is possible only to
a certificate in the vault. The plan says so before a deployment.
"""

from typing import NamedTuple

from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._bases.base import AlibabaConnector
from domain.certificates.certificate import Certificate
from domain.resources.connector import OpenKey
from domain.resources.resource import Binding, CertificateRef, Resource

VAULT = "vault"
KEY_UNKNOWN = (
    "the service does not return the private key of the certificate that it serves, and that "
    "certificate was never uploaded here"
)


class Pem(NamedTuple):
    """What is sent. `key` is in the older form, PKCS#1 or SEC1, which all services accept."""

    name: str
    chain: str
    key: str

    def __repr__(self) -> str:
        return f"Pem({self.name!r}, hidden)"


class PemConnector(AlibabaConnector):
    """Sends certificates of the vault, and recognizes them by their fingerprint."""

    def store_name(self, resource: Resource) -> str:
        """Our own vault."""
        return VAULT

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """The vault has it already: sends nothing."""
        return _build_reference(certificate.fingerprint)

    def open_pem(self, ref: CertificateRef) -> Pem:
        """What to send for a reference; raises Permanent when the vault does not hold it."""
        certificate, key = self.vault.open(ref.fields["fingerprint"])
        # Short, and of letters, digits and underscores: the least that the services allow.
        name = f"certroll_{certificate.fingerprint[:12]}"
        return Pem(name, certificate.chain_pem, key.traditional_pem().decode())

    def to_binding(self, pem: str, name: str | None) -> Binding:
        """The binding of a certificate that a service shows; without a reference if not ours."""
        leaf = read_leaf(pem)
        if leaf is None:
            return Binding(name=name)
        ours = self.vault.holds(leaf.fingerprint)
        return Binding(
            fingerprint=leaf.fingerprint,
            ref=_build_reference(leaf.fingerprint) if ours else None,
            name=None if ours else name,  # a rollback gives it a name of ours
            names=leaf.names,
            not_after=leaf.not_after,
            algorithm=leaf.algorithm,
            issuer=leaf.issuer,
        )

    def explain_not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate whose key is not in the vault cannot be sent again."""
        if before is not None and before.ref is None:
            return KEY_UNKNOWN
        return None


def _build_reference(fingerprint: str) -> CertificateRef:
    return CertificateRef(store=VAULT, fields={"fingerprint": fingerprint})


def is_serving(pem: str | None, ref: CertificateRef) -> bool:
    """Whether what a service shows is the certificate of a reference."""
    leaf = read_leaf(pem or "")
    return leaf is not None and leaf.fingerprint == ref.fields["fingerprint"]
