"""Resources: what each is bound to, and what its edge serves meanwhile. All services keep them."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypedDict

from sandbox.state import Journal, Table


@dataclass
class Material:
    """A chain with its private key, as PEM."""

    pem: str
    key: str


class SandboxBinding(TypedDict):
    """What a resource is bound to. `kind` is "cas" or "upload"; an upload has no certificate id."""

    kind: str
    material: str
    fingerprint: str
    cert_id: int | None
    name: str
    since: float


@dataclass
class SandboxResource:
    """One resource that serves one certificate.

    `hosts` are the names that the TLS edge answers for it; `.example.com` is every name one label
    below. `former` is what the edge serves until `settles_at` (seconds since the epoch).
    `applied` lists the leaf fingerprints that changes through the API ended in, None for "off".
    """

    service: str
    account: str
    name: str
    hosts: list[str]
    created: float
    attributes: dict[str, Any] = field(default_factory=dict)
    reachable: bool = True
    binding: SandboxBinding | None = None
    former: SandboxBinding | None = None
    settles_at: float = 0.0
    unserved: bool = False
    applied: list[str | None] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether the service reports that the last change has arrived everywhere."""
        return time.time() >= self.settles_at

    @property
    def served(self) -> SandboxBinding | None:
        """What the edge serves at this moment; None is no TLS at all."""
        if not self.reachable:
            return None
        return self.binding if self.settled and not self.unserved else self.former

    @property
    def key(self) -> str:
        """The unique key of the resource."""
        return build_key(self.service, self.account, self.name)


def build_key(service: str, account: str, name: str) -> str:
    """The key of a resource, unique over accounts and services."""
    return f"{service}/{account}/{name}"


class Resources:
    """All resources of all accounts and services."""

    def __init__(self, journal: Journal, propagation: float) -> None:
        self.propagation = propagation
        self._rows = Table(journal, "resources", SandboxResource)
        self._materials = Table(journal, "materials", Material)
        self._by_host = {host: row for row in self._rows for host in row.hosts}
        self._by_service: dict[tuple[str, str], dict[str, SandboxResource]] = {}
        for row in self._rows:
            self._index_resource(row)

    def __iter__(self) -> Iterator[SandboxResource]:
        return iter(self._rows)

    def list_of(self, service: str, account: str) -> list[SandboxResource]:
        """The resources of one account at one service, in the order of their creation."""
        return list(self._by_service.get((service, account), {}).values())

    def get(self, service: str, account: str, name: str) -> SandboxResource | None:
        """One resource, or None."""
        return self._rows.get(build_key(service, account, name))

    def find_by_host(self, host: str) -> SandboxResource | None:
        """The resource that answers to this server name."""
        host = host.lower()
        return self._by_host.get(host) or self._by_host.get("." + host.partition(".")[2])

    def add(self, resource: SandboxResource) -> None:
        """Creates or replaces a resource, which serves its binding at once."""
        self.save(resource)
        self._by_host.update(dict.fromkeys(resource.hosts, resource))

    def save(self, resource: SandboxResource) -> None:
        """Saves a resource whose attributes were changed."""
        self._rows.save(resource.key, resource)
        self._index_resource(resource)

    def _index_resource(self, resource: SandboxResource) -> None:
        rows = self._by_service.setdefault((resource.service, resource.account), {})
        rows[resource.key] = resource

    def bind(
        self, resource: SandboxResource, binding: SandboxBinding | None, *, unserved: bool = False
    ) -> None:
        """Applies a change: the service shows it at once, the edge after the propagation delay."""
        resource.former = resource.served
        resource.binding = binding
        resource.settles_at = time.time() + self.propagation
        resource.unserved = unserved
        resource.applied.append(binding and binding["fingerprint"])
        self.save(resource)

    def save_material(self, pem: str, key: str) -> str:
        """Saves a chain with its key and returns its id; the same chain has the same id."""
        # The leaf alone would not do: two uploads may differ in the chain that follows it.
        number = hashlib.sha256(f"{pem}\n{key}".encode()).hexdigest()
        if self._materials.get(number) is None:
            self._materials.save(number, Material(pem, key))
        return number

    def get_material(self, number: str) -> Material:
        """The chain and key of an id that `save_material` returned."""
        found = self._materials.get(number)
        if found is None:
            raise KeyError(f"no certificate material {number}")
        return found

    def list_users(self, cert_id: int) -> list[SandboxResource]:
        """The resources that are bound to a certificate of the store."""
        return [row for row in self._rows if cert_id in _get_used(row)]


def _get_used(row: SandboxResource) -> list[int | None]:
    """The certificates of the store that it is bound to; an SM2 pair beside the usual one."""
    bound: list[Any] = [row.binding, row.attributes.get("sm")]
    return [one["cert_id"] for one in bound if one]
