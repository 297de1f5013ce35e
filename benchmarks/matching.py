"""Measures matching and planning: `python -m benchmarks.matching [--sizes N...] [--json]`.

It matches resources of three accounts, just synced, with 1,000 certificates. Nine of ten resources
are covered, by name or by wildcard. Each size runs in its own process, for its own memory, beside
reading the same rows from the same database.
"""

import argparse
import json
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

from benchmarks import apart
from benchmarks.apart import get_peak_mib
from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.plans.matching import match
from domain.plans.request import PlanRequest
from domain.resources.account import Account
from domain.resources.resource import Binding, CertificateRef, Resource
from operations.planning.planner import make_plan
from operations.runtime.connector_pool import ConnectorPool
from storage.settings import Settings
from storage.statements import batches, get_table
from storage.store import Store
from storage.tables.core import CertificateRow, InstallationRow, ResourceRow

MODULE = "benchmarks.matching"
SIZES = (1_000, 10_000, 100_000, 1_000_000)
CERTIFICATES = 1_000
ACCOUNTS = ("main", "shop", "media")
SERVICES = ("cdn", "dcdn", "alb", "nlb", "waf", "mse")
STORE = "alibaba.cas/cn"
NOW = datetime.now(UTC)
ALL = PlanRequest(certificates=(), all_matched=True)


def build_certificate(number: int) -> Certificate:
    """A certificate for ten years; every other one has a wildcard, the rest a hundred hosts."""
    zone = f"zone{number}.example.com"
    hosts = tuple(f"host{each}.{zone}" for each in range(100))
    return Certificate(
        fingerprint=sha256(zone.encode()).hexdigest(),
        sha1=f"{number:040x}",
        name=f"zone-{number}",
        names=(zone, f"*.{zone}") if number % 2 else hosts,
        algorithm=Algorithm.EC,
        key_bits=256,
        serial=f"{number:x}",
        issuer="CN=Benchmark CA",
        subject=f"CN={zone}",
        not_before=NOW - timedelta(days=30),
        not_after=NOW + timedelta(days=3650, hours=number),
        chain_pem="-----BEGIN CERTIFICATE-----\n" + "A" * 4000 + "\n-----END CERTIFICATE-----\n",
    )


def build_row(number: int) -> dict[str, Any]:
    """One row of the inventory; every tenth name is one label too deep for the wildcard."""
    host = f"host{number // CERTIFICATES % 100}.zone{number % CERTIFICATES}.example.com"
    name = f"deep.{host}" if number % 10 == 9 else host
    service = f"alibaba.{SERVICES[number % len(SERVICES)]}"
    resource = Resource(
        account=ACCOUNTS[number % len(ACCOUNTS)],
        service=service,
        key=f"cn-hangzhou/{number:07}/{name}",
        region="cn-hangzhou",
        domains=(name,),
        detail={"load_balancer": f"lb-{number}", "listener": f"lsn-{number}"},
    )
    binding = Binding(
        fingerprint=sha256(str(number).encode()).hexdigest(),
        ref=CertificateRef(store=STORE, fields={"cert_id": str(number), "region": "cn-hangzhou"}),
        name=f"former-{number}",
        names=(name,),
        not_after=NOW + timedelta(hours=number % 2160),
        algorithm="ec",
        issuer="Former CA",
    )
    return {
        "id": resource.id,
        "account": resource.account,
        "service": service,
        "document": resource.model_dump(mode="json"),
        "binding": binding.model_dump(mode="json"),
        "binding_known": True,
        "tags": {"env": "prod"},
        "serves": binding.fingerprint,
        "not_after": binding.not_after,
        "seen_at": NOW,
    }


def fill(store: Store, size: int) -> None:
    """Stores accounts, certificates that are installed in every store, and resources."""
    for name in ACCOUNTS:
        account = Account(
            name=name, provider="alibaba", settings={"access_key_id": "none"}, created_at=NOW
        )
        store.accounts.add(account, {"access_key_secret": "none"})
    certificates = [build_certificate(number) for number in range(CERTIFICATES)]
    _insert(store, CertificateRow, map(_to_certificate_row, certificates))
    pairs = ((each, account) for each in certificates for account in ACCOUNTS)
    _insert(store, InstallationRow, (_to_installation_row(*pair) for pair in pairs))
    _insert(store, ResourceRow, map(build_row, range(size)))


def _to_certificate_row(each: Certificate) -> dict[str, Any]:
    facts = {"fingerprint": each.fingerprint, "name": each.name, "not_after": each.not_after}
    return {**facts, "document": each.model_dump(mode="json"), "sealed": b"", "added_at": NOW}


def _to_installation_row(each: Certificate, account: str) -> dict[str, Any]:
    ref = {"store": STORE, "fields": {"cert_id": each.sha1}}
    key = {"fingerprint": each.fingerprint, "account": account, "store": STORE}
    return {**key, "ref": ref, "installed_at": NOW}


def _insert(store: Store, kind: Any, values: Iterator[dict[str, Any]]) -> None:
    for batch in batches(values, 5000):
        with store.database.statements() as connection:
            connection.execute(insert(get_table(kind)), batch)


def measure(size: int) -> dict[str, float]:
    """Measures one size in this process: CPU seconds and MiB."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(home=home, database_url=None, inventory_age=timedelta(days=1))
        with Store.open(settings, migrate=True) as store:
            fill(store, size)
            certificates = store.certificates.list()
            began = get_peak_mib()
            reading = _measure_seconds(lambda: _read(store))
            matching = _measure_seconds(
                lambda: match(ALL, certificates, _iterate_candidates(store))
            )
            peak_matching = get_peak_mib()
            plan, planning = _run_measured(
                lambda: make_plan(store, ConnectorPool(store), ALL, now=NOW)
            )
            digesting = _measure_seconds(lambda: plan.digest)
            return {
                "resources": size,
                "changes": len(plan.changes),
                "read": reading,
                "match": matching,
                "plan": planning,
                "digest": digesting,
                "mib_before": began,
                "mib_match": peak_matching,
                "mib_plan": get_peak_mib(),
            }


def _read(store: Store) -> None:
    """Reads the same rows one by one, with JSON decoded."""
    with store.database.read() as session:
        query = select(get_table(ResourceRow)).execution_options(yield_per=2000)
        deque(session.execute(query), maxlen=0)


def _iterate_candidates(store: Store) -> Iterator[Any]:
    return store.inventory.iterate_candidates(ALL)


def _measure_seconds(work: Callable[[], object]) -> float:
    return _run_measured(work)[1]


def _run_measured(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def format_table(results: list[dict[str, float]]) -> str:
    """Markdown."""
    lines = [
        "| resources | changes | read rows | match | plan | plan / read | digest | MiB for plan |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in results:
        lines.append(
            f"| {each['resources']:,.0f} | {each['changes']:,.0f} | {each['read']:.2f} s "
            f"| {each['match']:.2f} s | {each['plan']:.2f} s | {each['plan'] / each['read']:.1f} "
            f"| {each['digest']:.2f} s | {each['mib_plan'] - each['mib_before']:,.0f} |"
        )
    return "\n".join(lines)


def build_section(sizes: Sequence[int] = SIZES) -> str:
    """The section of `make bench`."""
    head = f"{CERTIFICATES:,} certificates, resources in {len(ACCOUNTS)} accounts, SQLite:"
    return f"{head}\n\n{format_table([apart.measure_apart(MODULE, size) for size in sizes])}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.one)))
        return
    if options.json:
        print(json.dumps([apart.measure_apart(MODULE, size) for size in options.sizes], indent=2))
        return
    print(build_section(options.sizes))


if __name__ == "__main__":
    main()
