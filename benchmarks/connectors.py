"""Measures one change per connector: time and calls, against the least possible calls.

`python -m benchmarks.connectors` starts a practice cloud with a latency of 50 ms per call, and
makes one change at a time, without queue, worker or propagation: it measures the connector alone.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import httpx2

import connectors
from benchmarks.lab import ACCOUNT, add_account, upload
from domain.resources.resource import Resource
from operations.inventory.service_sync import sync_here
from operations.runtime.connector_pool import ConnectorPool
from starter.demo.ca import PracticeCA
from starter.temporal.processes import start_sandbox
from storage.settings import Settings
from storage.store import Store

SCALE = 110  # five of each kind
LATENCY_MS = 50

# A change reads the binding, binds, and polls: one call each. On an SNI list, removing the former
# certificate is one more change with one more poll.
LEAST, LEAST_SNI = 3, 5
SNI_KINDS = ("alibaba.alb sni", "alibaba.nlb sni")


@dataclass
class Cost:
    """The cost of one kind of resource: means per change, and the operations called."""

    kind: str
    changes: int
    install_calls: float
    calls: float
    seconds: float
    operations: str

    @property
    def least_calls(self) -> int:
        """The least possible calls."""
        return LEAST_SNI if self.kind in SNI_KINDS else LEAST


class Bench:
    """A store and a practice cloud with resources of all services."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder / "home", database_url=None, temporal_address=None)
        options = ["--latency", str(LATENCY_MS), "--propagation", "0", "--scale", str(SCALE)]
        self.sandbox, self.cloud = start_sandbox(self.settings.home, options)
        self.store = Store.open(self.settings, migrate=True)
        add_account(self.store, self.cloud)
        self.connectors, self.ca, self.numbers = (
            ConnectorPool(self.store),
            PracticeCA("bench"),
            count(),
        )

    def close(self) -> None:
        self.store.close()
        self.sandbox.stop()

    def list_resources(self) -> dict[str, list[Resource]]:
        """All resources by kind: the service, and "sni" for additional certificates."""
        found: dict[str, list[Resource]] = {}
        for service in connectors.list_services():
            synced = sync_here(self.store, self.connectors, ACCOUNT, service)
            if synced.error:
                raise SystemExit(str(synced.error))
        for item in self.store.inventory.list():
            found.setdefault(_get_kind(item.resource), []).append(item.resource)
        return found

    def count_calls(self) -> Counter[str]:
        """All calls so far, by operation."""
        answer = httpx2.get(f"{self.cloud['endpoint']}/_sandbox/calls")
        answers: dict[str, dict[str, int]] = answer.json()["calls"]
        return Counter({operation: sum(codes.values()) for operation, codes in answers.items()})

    def measure(self, kind: str, resources: list[Resource]) -> Cost:
        """Makes one change of each resource."""
        installed, changed, took = 0, Counter[str](), 0.0
        for resource in resources:
            name = f"new-{next(self.numbers)}"
            certificate = upload(self.store, self.ca, name, resource.domains)
            before = self.count_calls()
            connector = self.connectors.get(ACCOUNT, resource.service)
            key = partial(self.store.certificates.get_key, certificate.fingerprint)
            ref = connector.install(certificate, key, resource)
            between = self.count_calls()
            began = time.perf_counter()
            former = connector.read(resource)
            connector.bind(resource, ref)
            while not connector.has_arrived(resource, ref):
                time.sleep(0.1)
            connector.remove_former(resource, former.ref if former else None, ref)
            took += time.perf_counter() - began
            installed += (between - before).total()
            changed += self.count_calls() - between
        number = len(resources)
        parts = sorted((name, n / number) for name, n in _group_by_operation(changed).items())
        return Cost(
            kind=kind,
            changes=number,
            install_calls=installed / number,
            calls=changed.total() / number,
            seconds=took / number,
            operations=", ".join(name if n == 1 else f"{name} x {n:.1f}" for name, n in parts),
        )


def measure() -> list[Cost]:
    """Measures every kind, one after the other."""
    with _bench() as bench:
        return [bench.measure(kind, some) for kind, some in sorted(bench.list_resources().items())]


def format_table(costs: list[Cost]) -> str:
    """Markdown."""
    head = "| connector | calls per change | least | ms per change | upload | operations |"
    rows = [
        f"| {c.kind} | {c.calls:.1f} | {c.least_calls} | {c.seconds * 1000:.0f} "
        f"| {c.install_calls:.1f} | {c.operations} |"
        for c in costs
    ]
    return "\n".join([head, "| --- | ---: | ---: | ---: | ---: | --- |", *rows])


def build_section() -> str:
    """The section of `make bench`."""
    return f"{LATENCY_MS} ms per call, one change at a time:\n\n{format_table(measure())}"


@contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        bench = Bench(Path(folder))
        try:
            yield bench
        finally:
            bench.close()


def _group_by_operation(calls: Counter[str]) -> Counter[str]:
    """Calls by operation, without the product and the names of objects."""
    found = Counter[str]()
    for name, number in calls.items():
        operation = name.partition(".")[2]
        verb, _, path = operation.partition(" ")
        found[f"{verb} object" if path else operation] += number
    return found


def _get_kind(resource: Resource) -> str:
    takes_several = resource.service in ("alibaba.alb", "alibaba.nlb", "alibaba.clb")
    return (
        f"{resource.service} sni"
        if takes_several and resource.slot != "default"
        else resource.service
    )


def main() -> None:
    argparse.ArgumentParser(prog="python -m benchmarks.connectors").parse_args()
    print(build_section())


if __name__ == "__main__":
    main()
