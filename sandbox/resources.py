"""Resources that serve a certificate: what each is bound to, and what its edge serves meanwhile."""

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


class Binding(TypedDict):
    """What a resource is bound to. `kind` is "cas" or "upload"; an upload has no certificate id."""

    kind: str
    material: str
    fingerprint: str
    cert_id: int | None
    name: str
    since: float


@dataclass
class Resource:
    """One place that serves one certificate.

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
    binding: Binding | None = None
    former: Binding | None = None
    settles_at: float = 0.0
    unserved: bool = False
    applied: list[str | None] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether the service thinks that the last change has arrived everywhere."""
        return time.time() >= self.settles_at

    @property
    def served(self) -> Binding | None:
        """What the edge serves at this moment; None is no TLS at all."""
        if not self.reachable:
            return None
        return self.binding if self.settled and not self.unserved else self.former

    @property
    def key(self) -> str:
        """The resource among all."""
        return resource_key(self.service, self.account, self.name)


def resource_key(service: str, account: str, name: str) -> str:
    """One text that names a resource of one account and service."""
    return f"{service}/{account}/{name}"


class Resources:
    """All resources of all accounts and services."""

    def __init__(self, journal: Journal, propagation: float) -> None:
        self.propagation = propagation
        self._rows = Table(journal, "resources", Resource)
        self._materials = Table(journal, "materials", Material)
        self._by_host = {host: row for row in self._rows for host in row.hosts}
        self._of: dict[tuple[str, str], dict[str, Resource]] = {}
        for row in self._rows:
            self._file(row)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._rows)

    def of(self, service: str, account: str) -> list[Resource]:
        """The resources of one account at one service, in the order of their creation."""
        return list(self._of.get((service, account), {}).values())

    def get(self, service: str, account: str, name: str) -> Resource | None:
        """One resource, or None."""
        return self._rows.get(resource_key(service, account, name))

    def by_host(self, host: str) -> Resource | None:
        """The resource whose endpoint a TLS client means by this server name."""
        host = host.lower()
        return self._by_host.get(host) or self._by_host.get("." + host.partition(".")[2])

    def add(self, resource: Resource) -> None:
        """Create or replace a resource; it serves what it is bound to at once."""
        self.save(resource)
        self._by_host.update(dict.fromkeys(resource.hosts, resource))

    def save(self, resource: Resource) -> None:
        """Keep a resource whose attributes were changed."""
        self._rows.save(resource.key, resource)
        self._file(resource)

    def _file(self, resource: Resource) -> None:
        place = self._of.setdefault((resource.service, resource.account), {})
        place[resource.key] = resource

    def bind(self, resource: Resource, binding: Binding | None, *, unserved: bool = False) -> None:
        """Apply a change: the service knows it at once, the edge after the propagation delay."""
        resource.former = resource.served
        resource.binding = binding
        resource.settles_at = time.time() + self.propagation
        resource.unserved = unserved
        resource.applied.append(binding and binding["fingerprint"])
        self.save(resource)

    def keep_material(self, pem: str, key: str) -> str:
        """Store a chain with its key and give back its id; the same chain has the same id."""
        # The leaf alone would not do: two uploads may differ in the chain that follows it.
        number = hashlib.sha256(f"{pem}\n{key}".encode()).hexdigest()
        if self._materials.get(number) is None:
            self._materials.save(number, Material(pem, key))
        return number

    def material(self, number: str) -> Material:
        """The chain and key behind an id that `keep_material` gave."""
        found = self._materials.get(number)
        if found is None:
            raise KeyError(f"no certificate material {number}")
        return found

    def users(self, cert_id: int) -> list[Resource]:
        """The resources that are bound to a certificate of the store."""
        return [row for row in self._rows if cert_id in _used(row)]


def _used(row: Resource) -> list[int | None]:
    """The certificates of the store that it is bound to; an SM2 pair beside the usual one."""
    bound: list[Any] = [row.binding, row.attributes.get("sm")]
    return [one["cert_id"] for one in bound if one]
