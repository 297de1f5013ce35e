"""Builds one connector per account and service, for all operations of a process."""

import threading
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic

import connectors
from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import to_probe_name
from domain.certificates.keys import PrivateKey
from domain.errors import BadInput, Permanent
from domain.resources.account import Account
from domain.resources.connector import Connector
from domain.resources.resource import Resource
from domain.resources.slots import is_default_slot
from operations.runtime.rate_limiter import RateLimiter
from operations.tls.handshake import Endpoint
from storage.store import Store

CACHE_SECONDS = 60.0


class StoredVault:
    """The stored certificates with their keys, for connectors of services that take PEM."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def holds(self, fingerprint: str) -> bool:
        """Whether this certificate is stored."""
        return self._store.certificates.is_stored(fingerprint)

    def open(self, fingerprint: str) -> tuple[Certificate, PrivateKey]:
        """The certificate with its key; raises Permanent if it is not stored."""
        try:
            return self._store.certificates.get(fingerprint), self._store.certificates.get_key(
                fingerprint
            )
        except BadInput as error:
            raise Permanent(
                f"the key of certificate {fingerprint[:12]} is not stored",
                code="KeyNotHeld",
                advice="Upload the certificate with its key.",
            ) from error


@dataclass(frozen=True)
class _CachedConnector:
    """A connector and the account it was built from; the secrets never show in a repr."""

    account: Account
    secrets: dict[str, str] = field(repr=False)
    connector: Connector
    until: float


class ConnectorPool:
    """Decrypts an account's secrets and caches the connector that was built with them.

    A cached connector is compared with storage every minute: an account may get another key while
    a worker runs.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: dict[tuple[str, str], _CachedConnector] = {}
        self._limiters: dict[str, RateLimiter] = {}
        self._lock = threading.Lock()

    def get(self, account: str, service: str) -> Connector:
        """The connector of one service of an account; raises BadInput if either is unknown."""
        return self._get(account, service).connector

    def get_propagation_seconds(self, account: str, service: str) -> float:
        """Seconds within which an endpoint must serve what the service has accepted."""
        entry = self._get(account, service)
        if entry.account.propagation_seconds is not None:
            return entry.account.propagation_seconds
        return entry.connector.propagation.total_seconds()

    def get_calls_per_second(self, account: str, service: str) -> float:
        """The rate limit of this account at this service."""
        entry = self._get(account, service)
        return entry.account.calls_per_second or entry.connector.queries_per_second

    def list_endpoints(self, resource: Resource) -> tuple[Endpoint, ...]:
        """Where to observe what the resource serves: under each of its names.

        A default certificate of a listener is also observed without a name, as clients without SNI
        get it.
        """
        configured = self._get(resource.account, resource.service).account.probe_address
        addresses = [_parse_address(each) for each in configured.split(",")] if configured else []
        names = [to_probe_name(domain) for domain in resource.domains]
        hosts: list[tuple[str | None, str | None]] = [(name, name) for name in names]
        if is_default_slot(resource):
            hosts.append((None, next(iter(names), None)))
        return tuple(
            Endpoint(host=host, port=port, server_name=server_name)
            for server_name, own_host in hosts
            for host, port in addresses or ([(own_host, resource.port)] if own_host else [])
        )

    def _get(self, account: str, service: str) -> _CachedConnector:
        with self._lock:
            cached = self._cache.get((account, service))
            if cached and monotonic() < cached.until:
                return cached
            self._cache[account, service] = self._build(account, service, cached)
            return self._cache[account, service]

    def _build(
        self, account: str, service: str, cached: _CachedConnector | None
    ) -> _CachedConnector:
        accounts = self._store.accounts
        known, secrets = accounts.get(account), accounts.get_secrets(account)
        until = monotonic() + CACHE_SECONDS
        if cached and cached.account == known and cached.secrets == secrets:
            return replace(cached, until=until)
        connector_class = connectors.load_connector(service)
        settings = connectors.parse_settings(known.provider, {**known.settings, **secrets})
        limiters = partial(self._get_limiter, known)
        vault, memory = StoredVault(self._store), self._store.last_bindings
        connector = connector_class(account, settings, vault, limiters, memory)
        return _CachedConnector(known, secrets, connector, until)

    def _get_limiter(self, account: Account, service: str, calls_per_second: float) -> RateLimiter:
        """One rate limiter per account and service, whichever connector uses it."""
        rate = account.calls_per_second or calls_per_second
        name = f"{account.name}/{service}"
        cached = self._limiters.get(name)
        if cached is None or cached.calls_per_second != rate:
            cached = self._limiters[name] = RateLimiter(self._store.rate_budgets, name, rate)
        return cached


def _parse_address(address: str) -> tuple[str, int]:
    host, _, port = address.strip().rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)
