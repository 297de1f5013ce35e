"""For services that take nothing but PEM: the certificate and its key come from our own vault.

They tell which certificate they serve, never its key. So there is a way back only to a certificate
that the vault holds, and the plan says so before anyone deploys.
"""

from typing import NamedTuple

from connectors.alibaba._api.leaf import read_leaf
from connectors.alibaba._bases.base import AlibabaConnector
from domain.certificates.certificate import Certificate
from domain.resources.connector import OpenKey
from domain.resources.resource import Binding, CertificateRef, Resource

STORE = "vault"


class Pem(NamedTuple):
    """What is sent. `key` is in the older form, PKCS#1 or SEC1, the only one that all take."""

    name: str
    chain: str
    key: str

    def __repr__(self) -> str:
        return f"Pem({self.name!r}, hidden)"


class PemConnector(AlibabaConnector):
    """Sends certificates out of the vault, and tells those that it holds by their fingerprint."""

    def store(self, resource: Resource) -> str:
        """Our own vault."""
        return STORE

    def install(self, certificate: Certificate, key: OpenKey, resource: Resource) -> CertificateRef:
        """The vault holds it already: nothing is sent anywhere."""
        return _reference(certificate.fingerprint)

    def opened(self, ref: CertificateRef) -> Pem:
        """What to send for a reference; raises Permanent when the vault does not hold it."""
        certificate, key = self.vault.open(ref.fields["fingerprint"])
        # Short, and of letters, digits and underscores: the least that the services allow.
        name = f"certroll_{certificate.fingerprint[:12]}"
        return Pem(name, certificate.chain_pem, key.traditional_pem().decode())

    def shown(self, pem: str, name: str | None) -> Binding:
        """The binding to a certificate that a service shows; without a reference if not ours."""
        leaf = read_leaf(pem)
        if leaf is None:
            return Binding(name=name)
        held = self.vault.holds(leaf.fingerprint)
        return Binding(
            fingerprint=leaf.fingerprint,
            ref=_reference(leaf.fingerprint) if held else None,
            name=None if held else name,  # a restore gives it a name of ours
            names=leaf.names,
            not_after=leaf.not_after,
            algorithm=leaf.algorithm,
            issuer=leaf.issuer,
        )

    def not_reversible(self, resource: Resource, before: Binding | None) -> str | None:
        """A certificate whose key is not in the vault cannot be sent again."""
        if before is not None and before.ref is None:
            return (
                "the service does not give the private key of the certificate that it serves, and "
                "that certificate was never uploaded here"
            )
        return None


def _reference(fingerprint: str) -> CertificateRef:
    return CertificateRef(store=STORE, fields={"fingerprint": fingerprint})


def serves(pem: str | None, ref: CertificateRef) -> bool:
    """Whether what a service shows is the certificate of a reference."""
    leaf = read_leaf(pem or "")
    return leaf is not None and leaf.fingerprint == ref.fields["fingerprint"]
