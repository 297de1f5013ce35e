"""Starts the server, the worker and the practice cloud of one measurement. Used by thread.py."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import psutil

from domain.certificates.certificate import Certificate, parse_pem
from domain.resources.account import Account
from domain.resources.resource import Resource
from operations.inventory.service_sync import sync_here
from operations.runtime.connector_pool import ConnectorPool
from starter.demo.ca import PracticeCA
from starter.temporal.embedded import Embedded
from starter.temporal.processes import Child, start_sandbox
from storage.settings import Settings
from storage.store import Store

ACCOUNT, SERVICE = "bench", "alibaba.cdn"


@dataclass
class Cpu:
    """CPU seconds of each process."""

    engine: float
    worker: float
    sandbox: float

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(
            self.engine - other.engine,
            self.worker - other.worker,
            self.sandbox - other.sandbox,
        )


class Lab:
    """Running processes and a store, in a folder of their own."""

    def __init__(self, folder: Path, latency_ms: int, concurrency: int) -> None:
        self.concurrency = concurrency
        self.settings = Settings(home=folder / "home", database_url=None, temporal_address=None)
        self.here = Embedded(self.settings, 0, 0)
        options = ["--latency", str(latency_ms), "--propagation", "0"]
        self.sandbox, self.cloud = start_sandbox(self.settings.home, options)
        self.here.start()
        self.store = Store.open(self.settings)
        self.connectors = ConnectorPool(self.store)
        self.ca = PracticeCA("bench")
        add_account(self.store, self.cloud)

    def close(self) -> None:
        self.store.close()
        self.here.stop()
        self.sandbox.stop()

    def add_domains(self, prefix: str, count: int) -> list[Resource]:
        """Adds domains that all serve one former certificate, and syncs the inventory."""
        zone = f"{prefix}.example.com"
        former = self.ca.issue([f"*.{zone}"])
        pem = {"pem": former.pem.decode(), "key": former.key_pem.decode()}
        names = [f"n{number:05}.{zone}" for number in range(count)]
        rows = [{"name": name, "certificate": pem} for name in names]
        seed = {"service": "cdn", "domains": rows}
        httpx2.post(f"{self.cloud['endpoint']}/_sandbox/seed", json=seed, timeout=600)
        found = sync_here(self.store, self.connectors, ACCOUNT, SERVICE)
        if found.error:
            raise SystemExit(str(found.error))
        items = self.store.inventory.list(service=SERVICE)
        return [i.resource for i in items if i.resource.key.endswith(zone)]

    def upload_certificate(self, prefix: str) -> str:
        """Uploads a new certificate for those domains; returns its fingerprint."""
        hosts = [f"*.{prefix}.example.com"]
        return upload(self.store, self.ca, prefix, hosts).fingerprint

    def measure_cpu(self) -> Cpu:
        """The CPU seconds of the three processes so far."""
        return Cpu(
            _measure_cpu(self.here.temporal),
            _measure_cpu(self.here.worker),
            _measure_cpu(self.sandbox),
        )

    def worker_peak_mib(self) -> float:
        """The worker's largest resident set, in MiB."""
        worker = self.here.worker
        if worker is None:
            return 0.0
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


def add_account(store: Store, cloud: dict[str, str], name: str = ACCOUNT) -> None:
    """Adds an account of the practice cloud without rate limits, and grants quota."""
    account = Account(
        name=name,
        provider="alibaba",
        settings={"access_key_id": cloud["access_key_id"], "endpoint": cloud["endpoint"]},
        probe_address=cloud["edge"],
        propagation_seconds=30,
        calls_per_second=10_000,  # measures certroll, not a provider's limit
        created_at=datetime.now(UTC),
    )
    store.accounts.add(account, {"access_key_secret": cloud["access_key_secret"]})
    store.quota.grant(1_000_000, "benchmark", datetime.now(UTC))


def upload(store: Store, ca: PracticeCA, name: str, hosts: Sequence[str]) -> Certificate:
    """Stores a new certificate for these hosts."""
    issued = ca.issue(list(hosts))
    certificate, key = parse_pem(
        name,
        certificate=issued.leaf_pem,
        chain=issued.chain_pem,
        key=issued.key_pem,
        now=datetime.now(UTC),
    )
    store.certificates.add(certificate, key)
    return certificate


def _measure_cpu(child: Child | None) -> float:
    if child is None:
        return 0.0
    times = psutil.Process(child.process.pid).cpu_times()
    return float(times.user + times.system)


@contextlib.contextmanager
def lab(latency_ms: int, concurrency: int = 100) -> Iterator[Lab]:
    """A temporary lab."""
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        running = Lab(Path(folder), latency_ms, concurrency)
        try:
            yield running
        finally:
            running.close()


@contextlib.contextmanager
def stopwatch() -> Iterator[list[float]]:
    """A list that gets the seconds when the block ends."""
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append(time.perf_counter() - began)
