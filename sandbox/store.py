"""The certificate store that all services of an account bind from."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.certificates import Facts, covers, read
from sandbox.resources import Binding, Resources
from sandbox.state import Counters, Journal, Table

FIRST_ID = 10_000_001
SOURCES = ("upload", "buy")


@dataclass
class Certificate:
    """One certificate of one account. `source` is "upload" or, for an official one, "buy".

    Of an SM2 pair all tells of the half that signs; `encrypt` is the other half's material.
    """

    id: int
    account: str
    name: str
    source: str
    material: str
    pem: str
    created: float
    token: str = ""
    encrypt: str = ""

    @property
    def facts(self) -> Facts:
        """What its leaf says."""
        return read(self.pem)


class CertificateStore:
    """The certificates of all accounts; names are unique within one."""

    def __init__(self, journal: Journal, counters: Counters, resources: Resources) -> None:
        self._rows = Table(journal, "certificates", Certificate)
        self._counters = counters
        self._resources = resources
        self._index: dict[tuple[str, str, str], Certificate] = {}
        self._of: dict[str, dict[int, Certificate]] = {}
        self._naming: dict[tuple[str, str], dict[int, Certificate]] = {}
        self._ends: dict[int, datetime] = {}
        for row in self._rows:
            self._file(row)

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self._rows)

    def of(self, account: str) -> list[Certificate]:
        """The certificates of an account, the newest first."""
        return list(reversed(self._of.get(account, {}).values()))

    def unexpired(self, account: str) -> list[Certificate]:
        """Those of them whose leaf is still in its time."""
        now = datetime.now(UTC)
        return [row for row in self.of(account) if self._ends[row.id] > now]

    def covering(self, account: str, host: str) -> list[Certificate]:
        """Those of an account that are for a host (see `covers`), the newest first."""
        found: dict[int, Certificate] = {}
        for name in (host, f"*{host}", f"*.{host.partition('.')[2]}"):
            found |= self._naming.get((account, name), {})
        rows = sorted(found.values(), key=lambda row: row.id, reverse=True)
        return [row for row in rows if covers(row.facts.names, host)]

    def get(self, account: str, cert_id: int) -> Certificate | None:
        """One certificate of an account, or None."""
        row = self._rows.get(str(cert_id))
        return row if row is not None and row.account == account else None

    def by_name(self, account: str, name: str) -> Certificate | None:
        """The certificate of that name, or None."""
        return self._index.get((account, "name", name))

    def by_token(self, account: str, token: str) -> Certificate | None:
        """What an earlier upload with the same client token made, or None."""
        return self._index.get((account, "token", token)) if token else None

    def by_fingerprint(self, account: str, fingerprint: str) -> Certificate | None:
        """The newest certificate with that leaf (SHA-256, lower-case hex), or None."""
        return self._index.get((account, "sha256", fingerprint))

    def add(
        self,
        account: str,
        name: str,
        pem: str,
        key: str,
        *,
        source: str = "upload",
        token: str = "",
        encrypt: str = "",
    ) -> Certificate:
        """Put a certificate into the store; the caller has checked name, chain and key."""
        number = self._counters.next("certificate", FIRST_ID)
        material = self._resources.keep_material(pem, key)
        now = time.time()
        row = Certificate(number, account, name, source, material, pem, now, token, encrypt)
        self._rows.save(str(number), row)
        self._file(row)
        return row

    def put(self, account: str, pem: str, key: str) -> Certificate:
        """The certificate of this chain, which gets a name of its own if it was not there yet."""
        found = self.by_fingerprint(account, read(pem).sha256)
        return found or self.add(account, f"seed-{uuid.uuid4().hex[:12]}", pem, key)

    def drop(self, row: Certificate) -> None:
        """Take a certificate out of the store."""
        self._rows.drop(str(row.id))
        for key in _index_keys(row):
            self._index.pop(key, None)
        del self._of[row.account][row.id], self._ends[row.id]
        for name in row.facts.names:
            self._naming[row.account, name].pop(row.id, None)

    def _file(self, row: Certificate) -> None:
        self._index.update(dict.fromkeys(_index_keys(row), row))
        self._of.setdefault(row.account, {})[row.id] = row
        self._ends[row.id] = row.facts.not_after
        for name in row.facts.names:
            self._naming.setdefault((row.account, name), {})[row.id] = row


def _index_keys(row: Certificate) -> list[tuple[str, str, str]]:
    found = {"name": row.name, "token": row.token, "sha256": row.facts.sha256}
    return [(row.account, kind, value) for kind, value in found.items()]


def bound_to(row: Certificate) -> Binding:
    """The binding of a resource to a certificate of the store, from now on."""
    return Binding(
        kind="cas",
        material=row.material,
        fingerprint=row.facts.sha256,
        cert_id=row.id,
        name=row.name,
        since=time.time(),
    )
