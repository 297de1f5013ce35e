"""Connectors at work: one instance per account and service, shared by all steps."""

import threading
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic

import connectors
from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import probe_name
from domain.certificates.keys import PrivateKey
from domain.errors import BadInput, Permanent
from domain.resources.account import Account
from domain.resources.connector import Connector
from domain.resources.resource import Resource
from domain.resources.slots import serves_default
from operations.runtime.rate_limiter import Pacer
from operations.tls.handshake import Endpoint
from storage.store import Store

SECONDS_KEPT = 60.0


class StoredVault:
    """The certificates in storage, as connectors of PEM services ask for them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def holds(self, fingerprint: str) -> bool:
        """Whether this certificate lies in storage."""
        return self._store.certificates.is_here(fingerprint)

    def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
        """The certificate with its key; raises Permanent when it is not here."""
        try:
            return self._store.certificates.get(fingerprint), self._store.certificates.key(
                fingerprint
            )
        except BadInput as error:
            raise Permanent(
                f"the key of certificate {fingerprint[:12]} is not held here",
                code="KeyNotHeld",
                advice="Upload the certificate with its key.",
            ) from error


@dataclass(frozen=True)
class _Made:
    """A connector, and what it was made from; the secrets never show."""

    account: Account
    secrets: dict[str, str] = field(repr=False)
    connector: Connector
    until: float


class Clouds:
    """Opens an account's secrets and keeps the connector that was made with them.

    What is kept is compared with storage every minute: an account may get another key while a
    worker runs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[tuple[str, str], _Made] = {}
        self._paces: dict[str, Pacer] = {}
        self._lock = threading.Lock()

    def connector(self, account: str, service: str) -> Connector:
        """The connector for one service of one account; raises BadInput for an unknown one."""
        return self._get(account, service).connector

    def propagation(self, account: str, service: str) -> float:
        """Seconds after which an endpoint must serve what the control plane accepted."""
        made = self._get(account, service)
        if made.account.propagation_seconds is not None:
            return made.account.propagation_seconds
        return made.connector.propagation.total_seconds()

    def calls_per_second(self, account: str, service: str) -> float:
        """What the service allows this account, as its budget hands it out."""
        made = self._get(account, service)
        return made.account.calls_per_second or made.connector.queries_per_second

    def endpoints(self, resource: Resource) -> tuple[Endpoint, ...]:
        """Where to look for what the resource serves: for each of its names, and for none.

        A listener's default certificate is also what clients get that send no name.
        """
        given = self._get(resource.account, resource.service).account.probe_address
        places = [_host_and_port(each) for each in given.split(",")] if given else []
        hosts = [probe_name(domain) for domain in resource.domains]
        asked: list[tuple[str | None, str | None]] = [(name, name) for name in hosts]
        if serves_default(resource):
            asked.append((None, next(iter(hosts), None)))
        return tuple(
            Endpoint(host=host, port=port, server_name=name)
            for name, own in asked
            for host, port in places or ([(own, resource.port)] if own else [])
        )

    def _get(self, account: str, service: str) -> "_Made":
        with self._lock:
            kept = self._made.get((account, service))
            if kept and monotonic() < kept.until:
                return kept
            self._made[account, service] = self._make(account, service, kept)
            return self._made[account, service]

    def _make(self, account: str, service: str, kept: "_Made | None") -> "_Made":
        known, secrets = self._store.accounts.get(account), self._store.accounts.secrets(account)
        until = monotonic() + SECONDS_KEPT
        if kept and kept.account == known and kept.secrets == secrets:
            return replace(kept, until=until)
        kind = connectors.load(service)
        settings = connectors.settings(known.provider, {**known.settings, **secrets})
        paces = partial(self._pace, known)
        vault, memory = StoredVault(self._store), self._store.remembered
        made = kind(account, settings, vault, paces, memory)
        return _Made(known, secrets, made, until)

    def _pace(self, account: Account, service: str, calls_per_second: float) -> Pacer:
        """One per account and service, whichever connector calls it."""
        rate = account.calls_per_second or calls_per_second
        name = f"{account.name}/{service}"
        kept = self._paces.get(name)
        if kept is None or kept.calls_per_second != rate:
            kept = self._paces[name] = Pacer(self._store.budgets, name, rate)
        return kept


def _host_and_port(place: str) -> tuple[str, int]:
    host, _, port = place.strip().rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
