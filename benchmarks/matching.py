"""Matching and planning at any size: `python -m benchmarks.matching [--sizes N...] [--json]`.

Resources in three accounts, seen by a sync a moment ago, against 1,000 certificates. Nine of ten
are covered by one of them, by name or by wildcard. Each size runs in a process of its own, so that
its memory is its own, and is held against reading the same rows from the same database.
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
from benchmarks.apart import peak_mib
from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.plans.matching import match
from domain.plans.request import PlanRequest
from domain.resources.account import Account
from domain.resources.resource import Binding, CertificateRef, Resource
from operations.planning.planner import make_plan
from operations.runtime.connector_pool import Clouds
from storage.settings import Settings
from storage.statements import batches, table
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


def certificate(number: int) -> Certificate:
    """Half of them have a wildcard, half name a hundred hosts; ten years to come."""
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


def row(number: int) -> dict[str, Any]:
    """One row of the inventory; every tenth has a name that is one label too deep."""
    host = f"host{number // CERTIFICATES % 100}.zone{number % CERTIFICATES}.example.com"
    name = f"deep.{host}" if number % 10 == 9 else host
    service = f"alibaba.{SERVICES[number % len(SERVICES)]}"
    place = Resource(
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
        "id": place.id,
        "account": place.account,
        "service": service,
        "document": place.model_dump(mode="json"),
        "binding": binding.model_dump(mode="json"),
        "binding_known": True,
        "tags": {"env": "prod"},
        "serves": binding.fingerprint,
        "not_after": binding.not_after,
        "seen_at": NOW,
    }


def fill(store: Store, size: int) -> None:
    """Accounts, certificates that lie in every store already, and so many resources."""
    for name in ACCOUNTS:
        account = Account(
            name=name, provider="alibaba", settings={"access_key_id": "none"}, created_at=NOW
        )
        store.accounts.add(account, {"access_key_secret": "none"})
    made = [certificate(number) for number in range(CERTIFICATES)]
    _insert(store, CertificateRow, map(_stored, made))
    places = ((each, account) for each in made for account in ACCOUNTS)
    _insert(store, InstallationRow, (_lying(*place) for place in places))
    _insert(store, ResourceRow, map(row, range(size)))


def _stored(each: Certificate) -> dict[str, Any]:
    facts = {"fingerprint": each.fingerprint, "name": each.name, "not_after": each.not_after}
    return {**facts, "document": each.model_dump(mode="json"), "sealed": b"", "added_at": NOW}


def _lying(each: Certificate, account: str) -> dict[str, Any]:
    ref = {"store": STORE, "fields": {"cert_id": each.sha1}}
    place = {"fingerprint": each.fingerprint, "account": account, "store": STORE}
    return {**place, "ref": ref, "installed_at": NOW}


def _insert(store: Store, kind: Any, values: Iterator[dict[str, Any]]) -> None:
    for batch in batches(values, 5000):
        with store.database.statements() as connection:
            connection.execute(insert(table(kind)), batch)


def measure(size: int) -> dict[str, float]:
    """Seconds and MiB for one size, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(home=home, database_url=None, inventory_age=timedelta(days=1))
        with Store.open(settings, migrate=True) as store:
            fill(store, size)
            certificates = store.certificates.list()
            began = peak_mib()
            reading = _timed(lambda: _read(store))
            matching = _timed(lambda: match(ALL, certificates, _only(store)))
            peak_matching = peak_mib()
            plan, planning = _result(lambda: make_plan(store, Clouds(store), ALL, now=NOW))
            digesting = _timed(lambda: plan.digest)
            return {
                "resources": size,
                "changes": len(plan.changes),
                "read": reading,
                "match": matching,
                "plan": planning,
                "digest": digesting,
                "mib_before": began,
                "mib_match": peak_matching,
                "mib_plan": peak_mib(),
            }


def _read(store: Store) -> None:
    """The same rows as the driver gives them, with JSON decoded, one by one."""
    with store.database.read() as session:
        query = select(table(ResourceRow)).execution_options(yield_per=2000)
        deque(session.execute(query), maxlen=0)


def _only(store: Store) -> Iterator[Any]:
    return store.inventory.candidates(ALL)


def _timed(work: Callable[[], object]) -> float:
    return _result(work)[1]


def _result(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    return work(), time.process_time() - began


def table_of(results: list[dict[str, float]]) -> str:
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


def section(sizes: Sequence[int] = SIZES) -> str:
    """What `make bench` prints of it."""
    about = f"{CERTIFICATES:,} certificates, resources in {len(ACCOUNTS)} accounts, SQLite:"
    return f"{about}\n\n{table_of([apart.run(MODULE, size) for size in sizes])}"


def main() -> None:
    """Prints one line per size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.one is not None:
        print(json.dumps(measure(asked.one)))
        return
    if asked.json:
        print(json.dumps([apart.run(MODULE, size) for size in asked.sizes], indent=2))
        return
    print(section(asked.sizes))


if __name__ == "__main__":
    main()
