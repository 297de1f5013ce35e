"""The certificate store from which all services of an account bind."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.certificates import Facts, covers, read_facts
from sandbox.resources import Resources, SandboxBinding
from sandbox.state import Counters, Journal, Table

FIRST_ID = 10_000_001
SOURCES = ("upload", "buy")


@dataclass
class StoredCertificate:
    """One certificate of one account. `source` is "upload" or, for an official one, "buy".

    For an SM2 pair the fields describe the signing half; `encrypt` is the other half's material.
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
        return read_facts(self.pem)


class CertificateStore:
    """The certificates of all accounts; names are unique within one."""

    def __init__(self, journal: Journal, counters: Counters, resources: Resources) -> None:
        self._rows = Table(journal, "certificates", StoredCertificate)
        self._counters = counters
        self._resources = resources
        self._index: dict[tuple[str, str, str], StoredCertificate] = {}
        self._by_account: dict[str, dict[int, StoredCertificate]] = {}
        self._by_covered_name: dict[tuple[str, str], dict[int, StoredCertificate]] = {}
        self._ends: dict[int, datetime] = {}
        for row in self._rows:
            self._index_row(row)

    def __iter__(self) -> Iterator[StoredCertificate]:
        return iter(self._rows)

    def list_of(self, account: str) -> list[StoredCertificate]:
        """The certificates of an account, the newest first."""
        return list(reversed(self._by_account.get(account, {}).values()))

    def list_unexpired(self, account: str) -> list[StoredCertificate]:
        """Those of them whose leaf has not expired."""
        now = datetime.now(UTC)
        return [row for row in self.list_of(account) if self._ends[row.id] > now]

    def list_covering(self, account: str, host: str) -> list[StoredCertificate]:
        """Those of an account that are for a host (see `covers`), the newest first."""
        found: dict[int, StoredCertificate] = {}
        for name in (host, f"*{host}", f"*.{host.partition('.')[2]}"):
            found |= self._by_covered_name.get((account, name), {})
        rows = sorted(found.values(), key=lambda row: row.id, reverse=True)
        return [row for row in rows if covers(row.facts.names, host)]

    def get(self, account: str, cert_id: int) -> StoredCertificate | None:
        """One certificate of an account, or None."""
        row = self._rows.get(str(cert_id))
        return row if row is not None and row.account == account else None

    def find_by_name(self, account: str, name: str) -> StoredCertificate | None:
        """The certificate of that name, or None."""
        return self._index.get((account, "name", name))

    def find_by_token(self, account: str, token: str) -> StoredCertificate | None:
        """The certificate of an earlier upload with the same client token, or None."""
        return self._index.get((account, "token", token)) if token else None

    def find_by_fingerprint(self, account: str, fingerprint: str) -> StoredCertificate | None:
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
    ) -> StoredCertificate:
        """Puts a certificate into the store; the caller has checked name, chain and key."""
        number = self._counters.next("certificate", FIRST_ID)
        material = self._resources.save_material(pem, key)
        now = time.time()
        row = StoredCertificate(number, account, name, source, material, pem, now, token, encrypt)
        self._rows.save(str(number), row)
        self._index_row(row)
        return row

    def put(self, account: str, pem: str, key: str) -> StoredCertificate:
        """The certificate with this leaf, which is added under a new name if it is missing."""
        found = self.find_by_fingerprint(account, read_facts(pem).sha256)
        return found or self.add(account, f"seed-{uuid.uuid4().hex[:12]}", pem, key)

    def delete(self, row: StoredCertificate) -> None:
        """Removes a certificate from the store."""
        self._rows.delete(str(row.id))
        for key in _build_index_keys(row):
            self._index.pop(key, None)
        del self._by_account[row.account][row.id], self._ends[row.id]
        for name in row.facts.names:
            self._by_covered_name[row.account, name].pop(row.id, None)

    def _index_row(self, row: StoredCertificate) -> None:
        self._index.update(dict.fromkeys(_build_index_keys(row), row))
        self._by_account.setdefault(row.account, {})[row.id] = row
        self._ends[row.id] = row.facts.not_after
        for name in row.facts.names:
            self._by_covered_name.setdefault((row.account, name), {})[row.id] = row


def _build_index_keys(row: StoredCertificate) -> list[tuple[str, str, str]]:
    found = {"name": row.name, "token": row.token, "sha256": row.facts.sha256}
    return [(row.account, kind, value) for kind, value in found.items()]


def build_binding(row: StoredCertificate) -> SandboxBinding:
    """The binding of a resource to a certificate of the store, from now on."""
    return SandboxBinding(
        kind="cas",
        material=row.material,
        fingerprint=row.facts.sha256,
        cert_id=row.id,
        name=row.name,
        since=time.time(),
    )
