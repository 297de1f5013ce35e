"""What a test of a connector works with: an account, certificates, and the cloud."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, quote_plus

import connectors
from domain.certificates.certificate import Certificate, parse_pem
from domain.certificates.keys import PrivateKey
from domain.errors import Permanent
from domain.resources.connector import Connector
from domain.resources.resource import Binding, DiscoveredResource
from starter.demo.ca import Issued
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud


@dataclass
class Material:
    """A certificate as a connector gets it. `opened` counts how often its key was read."""

    issued: Issued
    certificate: Certificate
    opened: int = 0

    def key(self) -> PrivateKey:
        self.opened += 1
        return PrivateKey(self.issued.key_pem)

    @property
    def seed(self) -> dict[str, str]:
        """In the form of a seed."""
        return {"pem": self.issued.pem.decode(), "key": self.issued.key_pem.decode()}

    @property
    def traces(self) -> list[str]:
        """Pieces of its private key in every spelling that a URL, a log or a repr may use."""
        key = PrivateKey(self.issued.key_pem)
        pems = (key.pem().decode(), key.traditional_pem().decode())
        lines = [line for pem in pems for line in pem.splitlines() if "-----" not in line]
        pieces = [line[at : at + 16] for line in lines for at in range(0, len(line) - 15, 16)]
        # The public key is no secret, and the beginning of the DER is the same for all keys.
        shown = self.issued.pem.decode()
        own = [piece for piece in pieces[1:] if piece not in shown]
        return sorted({form(piece) for piece in own for form in (str, quote, quote_plus)})


@dataclass
class MemoryVault:
    """The certificates whose keys we hold, as connectors of PEM services ask for them."""

    materials: dict[str, Material] = field(default_factory=dict)

    def add(self, material: Material) -> Material:
        """Hold one more."""
        return self.materials.setdefault(material.certificate.fingerprint, material)

    def holds(self, fingerprint: str) -> bool:
        return fingerprint in self.materials

    def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
        if not self.holds(fingerprint):
            raise Permanent("the key is not held here", code="KeyNotHeld")
        return self.materials[fingerprint].certificate, self.materials[fingerprint].key()


@dataclass
class BindingMemory:
    """What was bound last, as connectors of services that do not tell it ask for it."""

    bound: dict[str, Binding] = field(default_factory=dict)

    def get(self, resource_id: str) -> Binding | None:
        return self.bound.get(resource_id)


@dataclass
class Lab:
    """One account at the practice cloud, and a vault that holds all that was issued."""

    cloud: PracticeCloud
    ca: CA
    settings: dict[str, str]
    vault: MemoryVault = field(default_factory=MemoryVault)
    memory: BindingMemory = field(default_factory=BindingMemory)

    @property
    def account(self) -> str:
        """The account as the cloud names it."""
        return self.settings["access_key_id"]

    def connector(self, service: str, **changes: str) -> Connector:
        """A new connector of this account; `changes` replace some of its settings."""
        provider = service.partition(".")[0]
        settings = connectors.parse_settings(provider, {**self.settings, **changes})
        return connectors.load_connector(service)(
            "main", settings, self.vault, last_bindings=self.memory
        )

    def issue(self, *names: str, **options: Any) -> Material:
        """A new certificate for these names."""
        return self.vault.add(build_material(self.ca.leaf(names, **options), f"for {names[0]}"))

    def list_stored(self, made: Material) -> list[dict[str, Any]]:
        """The certificate's rows in this account's store."""
        return self.cloud.list_certificates(
            account=self.account, fingerprint=made.certificate.fingerprint
        )


def build_material(issued: Issued, name: str) -> Material:
    """What a connector gets of an issued certificate."""
    certificate, _ = parse_pem(
        name, certificate=issued.pem, key=issued.key_pem, now=datetime.now(UTC)
    )
    return Material(issued, certificate)


def list_all(connector: Connector) -> Iterator[DiscoveredResource]:
    """All pages of a listing."""
    page = connector.discover()
    yield from page.resources
    while page.next is not None:
        page = connector.discover(page.next)
        yield from page.resources
