"""Connectors at work: one instance per account and service, shared by all steps."""

import threading

import connectors
from activities.handshake import Endpoint
from domain.account import Account
from domain.certificate import Certificate, PrivateKey
from domain.connector import Connector
from domain.errors import BadInput, Permanent
from domain.names import probe_name
from domain.resource import Resource
from storage.store import Store


class StoredVault:
    """The certificates in storage, as connectors of PEM services ask for them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def holds(self, fingerprint: str) -> bool:
        """Whether this certificate lies in storage."""
        try:
            self._store.certificates.get(fingerprint)
        except BadInput:
            return False
        return True

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


class Clouds:
    """Opens an account's secrets once and keeps the connector that was made with them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._made: dict[tuple[str, str], tuple[Account, Connector]] = {}
        self._lock = threading.Lock()

    def connector(self, account: str, service: str) -> Connector:
        """The connector for one service of one account; raises BadInput for an unknown one."""
        return self._get(account, service)[1]

    def propagation(self, account: str, service: str) -> float:
        """Seconds after which an endpoint must serve what the control plane accepted."""
        known, connector = self._get(account, service)
        if known.propagation_seconds is not None:
            return known.propagation_seconds
        return connector.propagation.total_seconds()

    def endpoints(self, resource: Resource) -> tuple[Endpoint, ...]:
        """Where to look for what the resource serves, one for each of its names."""
        known, _ = self._get(resource.account, resource.service)
        found = []
        for domain in resource.domains:
            name = probe_name(domain)
            host, port = name, resource.port
            if known.probe_address:
                host, _, port_text = known.probe_address.rpartition(":")
                port = int(port_text)
            found.append(Endpoint(host=host.strip("[]"), port=port, server_name=name))
        return tuple(found)

    def _get(self, account: str, service: str) -> tuple[Account, Connector]:
        with self._lock:
            if (account, service) not in self._made:
                self._made[account, service] = self._make(account, service)
            return self._made[account, service]

    def _make(self, account: str, service: str) -> tuple[Account, Connector]:
        known = self._store.accounts.get(account)
        kind = connectors.load(service)
        secrets = self._store.accounts.secrets(account)
        settings = connectors.settings(known.provider, {**known.settings, **secrets})
        return known, kind(account, settings, StoredVault(self._store))
