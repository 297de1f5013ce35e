"""Measures `certroll expiry` on an inventory of any size: `python -m benchmarks.expiry`."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm, PrivateKey
from domain.plans.plan import Change, Plan, build_binding
from domain.resources.account import Account
from domain.resources.resource import Binding, DiscoveredResource, Resource
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.settings import Settings
from storage.statements import batches, get_table
from storage.store import Store
from storage.tables.core import ChangeRow

RESOURCES, CERTIFICATES = 100_000, 1_000
ACCOUNTS = ("main", "shop", "media")
SERVICES = ("alibaba.cdn", "alibaba.dcdn", "alibaba.alb", "alibaba.slb", "alibaba.ga")
NOW = datetime.now(UTC)
COMMANDS = (
    ("certroll expiry --limit 200", ("--limit", "200")),
    ("certroll expiry", ()),
    ("certroll expiry --before 'in 30d'", ("--before", "in 30d")),
    ("certroll expiry --resources --limit 200", ("--resources", "--limit", "200")),
    ("certroll expiry --unmanaged", ("--unmanaged",)),
    ("certroll expiry --drift", ("--drift",)),
    ("certroll expiry --unknown --limit 200", ("--unknown", "--limit", "200")),
    ("certroll expiry --json", ("--json",)),
    ("certroll expiry --format prometheus", ("--format", "prometheus")),
)
LIST = ("inventory", "list", "--limit", "50")


def build_certificate(number: int) -> Certificate:
    """One certificate; the first half of them is in our vault."""
    domain = f"site{number}.example.com"
    return Certificate(
        fingerprint=sha256(domain.encode()).hexdigest(),
        sha1=f"{number:040x}",
        name=f"site-{number}",
        names=(domain, f"*.{domain}"),
        algorithm=Algorithm.EC,
        key_bits=256,
        serial=f"{number:x}",
        issuer="CN=Benchmark CA",
        subject=f"CN={domain}",
        not_before=NOW - timedelta(days=30),
        not_after=NOW + timedelta(hours=number % 2160),
        chain_pem="-----BEGIN CERTIFICATE-----\n" + "A" * 4000 + "\n-----END CERTIFICATE-----\n",
    )


def build_found(number: int, known: list[Certificate]) -> DiscoveredResource:
    """A resource; one in fifty has not been read yet."""
    serves = known[number % len(known)]
    key = f"host{number}.{serves.names[0]}"
    resource = Resource(
        account=ACCOUNTS[number % 3], service=SERVICES[number % 5], key=key, domains=(key,)
    )
    if number % 50 == 0:
        return DiscoveredResource(resource=resource)
    return DiscoveredResource(resource=resource, binding=build_binding(serves), binding_known=True)


def fill(store: Store, resources: int, certificates: int) -> None:
    """Stores accounts, certificates, resources, and a task that changed each of them."""
    known = [build_certificate(number) for number in range(certificates)]
    for one in known[: certificates // 2]:
        store.certificates.add(one, PrivateKey(b"no key"))
    for name in ACCOUNTS:
        account = Account(name=name, provider="alibaba", settings={}, created_at=NOW)
        store.accounts.add(account, {})
    for numbers in batches(range(resources), 5000):
        store.inventory.upsert([build_found(number, known) for number in numbers], NOW)
    plan = Plan(certificates=(known[0].fingerprint,), changes=())
    store.tasks.create(build_task(plan), plan)
    with store.database.statements() as connection:
        for rows in batches(iterate_changes(resources, known), 1000):
            connection.execute(insert(get_table(ChangeRow)), rows)


def build_task(plan: Plan) -> TaskRecord:
    """The task that deployed all changes."""
    return TaskRecord(
        id="benchmark",
        name="benchmark",
        status=TaskStatus.SUCCEEDED,
        digest=plan.digest,
        certificates=plan.certificates,
        at=NOW,
        rollback_until=NOW,
        cost=0,
        created_at=NOW,
        created_by="benchmark",
    )


def iterate_changes(resources: int, known: list[Certificate]) -> Iterator[dict[str, object]]:
    """One deployed change per resource; one in a hundred has drifted since."""
    chance = random.Random(1)  # noqa: S311 - the same inventory each time
    for number in range(resources):
        resource = build_found(number, known).resource
        shift = 1 if chance.random() < 0.01 else 0
        after = build_binding(known[(number + shift) % len(known)])
        before = Binding(fingerprint="f" * 64, not_after=NOW)
        change = Change(resource=resource, before=before, after=after, store="s")
        yield {
            "task_id": "benchmark",
            "ordinal": number,
            "resource_id": resource.id,
            "account": resource.account,
            "service": resource.service,
            "cost": 0,
            "after": after.fingerprint,
            "document": change.model_dump(mode="json"),
            "status": OutcomeStatus.DEPLOYED.value,
            "applied": True,
            "deployed": True,
            "attempts": 1,
            "ended_at": NOW - timedelta(hours=1),
        }


def measure_command(environment: dict[str, str], words: tuple[str, ...]) -> float:
    """Runs one command as a process; seconds with its start."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "starter.cli", *words]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - began


def build_section(
    resources: int = RESOURCES, certificates: int = CERTIFICATES, database_url: str | None = None
) -> str:
    """The section of `make bench`."""
    commands = [*((shown, ("expiry", *words)) for shown, words in COMMANDS), (" ".join(LIST), LIST)]
    with tempfile.TemporaryDirectory(prefix="certroll-expiry-") as folder:
        environment = {**os.environ, "CERTROLL_HOME": folder}
        if database_url:
            environment["CERTROLL_DATABASE_URL"] = database_url
        settings = Settings(home=Path(folder), database_url=database_url)
        with Store.open(settings, migrate=True) as store:
            fill(store, resources, certificates)
        rows = [
            f"| `{shown}` | {measure_command(environment, words):.2f} |"
            for shown, words in commands
        ]
    head = f"{resources:,} resources, {certificates:,} certificates, start of the process included:"
    return "\n".join([head, "", "| command | seconds |", "| --- | ---: |", *rows])


def main() -> None:
    """Fills a temporary database, or the one of --database-url, and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.expiry")
    parser.add_argument("--resources", type=int, default=RESOURCES)
    parser.add_argument("--certificates", type=int, default=CERTIFICATES)
    parser.add_argument("--database-url", help="an empty PostgreSQL database; else SQLite")
    options = parser.parse_args()
    print(build_section(options.resources, options.certificates, options.database_url))


if __name__ == "__main__":
    main()
