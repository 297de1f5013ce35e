"""Measures a sync of all services, beside reading the same rows from the database.

`python -m benchmarks.syncing` starts a practice cloud with so many resources, which takes a minute
or more for 100,000, and syncs several services at once as a worker does, without Temporal.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import apart
from benchmarks.apart import get_peak_mib
from benchmarks.lab import ACCOUNT, add_account
from operations.inventory.service_sync import list_services, sync_here
from operations.runtime.connector_pool import ConnectorPool
from starter.temporal.processes import start_sandbox
from storage.inventory.queries import InventoryQuery
from storage.settings import Settings
from storage.store import Store

MODULE = "benchmarks.syncing"
SIZES = (1_000, 10_000, 100_000)
SYNCS_AT_ONCE = 8


@dataclass
class Cost:
    """One row: seconds on the clock, and CPU seconds of this process, without the cloud's."""

    resources: int
    read: int
    seconds: float
    cpu: float
    reading: float
    mib: float


def measure(size: int) -> Cost:
    """Measures the first sync of an account with so many resources."""
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        settings = Settings(home=Path(folder), database_url=None, temporal_address=None)
        sandbox, cloud = start_sandbox(settings.home, ["--scale", str(size)])
        try:
            with Store.open(settings, migrate=True) as store:
                add_account(store, cloud)
                return _measure_sync(store, size)
        finally:
            sandbox.stop()


def _measure_sync(store: Store, size: int) -> Cost:
    connectors = ConnectorPool(store)
    began, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(SYNCS_AT_ONCE) as pool:
        syncs = pool.map(
            lambda name: sync_here(store, connectors, ACCOUNT, name), list_services("alibaba")
        )
        found = list(syncs)
    seen, unread = (sum(each.seen for each in found), sum(each.to_read for each in found))
    were_read = sum(each.were_read for each in found)
    if (seen, were_read) != (size, unread):
        raise SystemExit(f"{seen} resources instead of {size}, {were_read} of {unread} bindings")
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    began = time.process_time()
    read = sum(1 for _ in store.inventory.iterate(InventoryQuery()))
    if read != size:
        raise SystemExit(f"{read} rows instead of {size}")
    return Cost(size, were_read, seconds, spent, time.process_time() - began, get_peak_mib())


def build_section(sizes: tuple[int, ...] = SIZES) -> str:
    """The section of `make bench`."""
    rows = [
        f"| {c.resources:,} | {c.read:,} | {c.seconds:.1f} | {c.cpu:.1f} | {c.reading:.2f} "
        f"| {c.cpu / c.reading:.0f} | {c.mib:.0f} |"
        for c in (Cost(**apart.measure_apart(MODULE, size)) for size in sizes)
    ]
    names = ("resources", "bindings read", "sync, s", "CPU, s")
    head = f"| {' | '.join(names)} | reading the rows, CPU s | ratio | memory, MiB |"
    return "\n".join([head, "| ---: " * (len(names) + 3) + "|", *rows])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.syncing")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(asdict(measure(options.one))))
        return
    print(build_section(tuple(options.sizes)))


if __name__ == "__main__":
    main()
