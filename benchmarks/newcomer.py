"""Measures the first day of a user with many resources: sync, expiry, plan, deployment.

`python -m benchmarks.newcomer` starts a practice cloud with three accounts at the calls per second
that the services document. It runs the commands that a person would: sync, list what expires, plan,
add a maintenance window, deploy the most urgent certificates in it. With `--close-after MINUTES` a
task of all other resources follows, which stops with its window and goes on in the next one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.lab import upload
from domain.tasks.status import OutcomeStatus
from sandbox.options import DEFAULT_ACCOUNT
from sandbox.seeds import SLOT_KINDS
from starter.demo.ca import PracticeCA
from starter.temporal.embedded import Embedded
from starter.temporal.processes import start_sandbox
from storage.settings import Settings
from storage.store import Store

RESOURCES = 100_000
PAUSE = timedelta(minutes=3)
ACCOUNTS = {"main": "example.com", "shop": "b.example.com", "media": "c.example.com"}
SECRET = DEFAULT_ACCOUNT.access_key_secret
"""Of the practice cloud on loopback."""
ISSUER, URGENT = "Practice scale", "in 10d"
HEAD = "| step | time | |\n| --- | ---: | --- |"


@dataclass
class StepLog:
    """Runs commands and collects one row per step: seconds and result."""

    home: Path
    rows: list[tuple[str, float, str]] = field(default_factory=list)

    def run_certroll(self, *words: str, env: dict[str, str] | None = None) -> str:
        """Runs a command; returns its output, SystemExit if it fails."""
        known = {**os.environ, "CERTROLL_HOME": str(self.home), **(env or {})}
        command = [sys.executable, "-m", "starter.cli", *words]
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"certroll {' '.join(words)}: {done.stdout[-2000:]}{done.stderr}")
        return done.stdout

    def run_step(self, step: str, *words: str) -> Any:
        """Runs a command as a row of the table; returns its JSON."""
        began = time.perf_counter()
        answer = json.loads(self.run_certroll(*words, "--json"))
        self.add_row(step, time.perf_counter() - began)
        return answer

    def add_row(self, step: str, seconds: float, shown: str = "") -> None:
        """Adds one row and prints it on standard error at once, since steps take minutes."""
        self.rows.append((step, seconds, shown))
        print(f"{seconds:8.1f} s  {step}  {shown}", file=sys.stderr, flush=True)

    def set_result(self, shown: str) -> None:
        """Adds the result of the last step to its row."""
        step, seconds, _ = self.rows.pop()
        self.add_row(step, seconds, shown)


@contextmanager
def stack(log: StepLog, resources: int) -> Iterator[None]:
    """Runs a practice cloud, Temporal and a worker until the block ends."""
    names = [f"LTAI5tPracticeCloud{at:05}" for at, _ in enumerate(ACCOUNTS, 1)]
    began = time.perf_counter()
    options = [word for name in names for word in ("--account", f"{name}:{SECRET}")]
    sandbox, cloud = start_sandbox(log.home, [*options, "--scale", str(resources)])
    log.add_row(f"practice cloud with {resources:,} resources", time.perf_counter() - began)
    embedded = Embedded(Settings(home=log.home, database_url=None, temporal_address=None), 0, 0)
    try:
        embedded.start()
        for account, key in zip(ACCOUNTS, names, strict=True):
            words = ("account", "add", account, "--provider", "alibaba", "--access-key-id", key)
            where = ("--endpoint", cloud["endpoint"], "--probe-address", cloud["edge"])
            secret = {"CERTROLL_ACCESS_KEY_SECRET": SECRET}
            log.run_certroll(*words, *where, "--propagation", "60", env=secret)
        yield
    finally:
        embedded.stop()
        sandbox.stop()


def sync_and_list(log: StepLog) -> None:
    """Syncs, and lists what expires first and where it is served."""
    found = log.run_step("`inventory sync`", "inventory", "sync")
    counts = [sum(each[name] for each in found) for name in ("seen", "to_read", "were_read")]
    log.set_result("{:,} resources; {:,} bindings to read, {:,} read".format(*counts))
    soon = log.run_step("`expiry --limit 200`", "expiry", "--limit", "200")
    log.set_result(f"first: {soon[0]['not_after'][:10]} on {soon[0]['services'][0]['service']}")
    log.set_result(f"{len(log.run_step('`expiry`, all', 'expiry')):,} certificates")


def upload_certificates(log: StepLog) -> None:
    """Uploads a certificate for each service of each account, and grants quota."""
    with open_store(log.home) as store:
        ca = PracticeCA("newcomer")
        for account, zone in ACCOUNTS.items():
            for service in sorted({each.service.replace("_", "-") for each in SLOT_KINDS}):
                upload(store, ca, f"{account}-{service}", [f"*.{service}.{zone}"])
    log.run_certroll("quota", "grant", "1000000")


def save_plan(log: StepLog, step: str, name: str, *words: str) -> int:
    """Saves a plan; returns the number of its changes."""
    chosen = ("--all", "--issuer", ISSUER, *words)
    plan = log.run_step(step, "plan", "create", *chosen, "--name", name)
    refused, minutes = len(plan["refusals"]), plan["estimate"]["seconds"] / 60
    changes = len(plan["changes"])
    log.set_result(f"{changes:,} changes, {refused:,} refusals, about {minutes:.0f} min estimated")
    return changes


def add_window(
    log: StepLog, name: str, minutes: int, opens: datetime | None = None
) -> tuple[datetime, datetime]:
    """Adds a window of so many minutes; by default it opens in one to two minutes."""
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    opens = opens or soon
    closes = opens + timedelta(minutes=minutes)
    hours = ("--from", f"{opens:%H:%M}", "--to", f"{closes:%H:%M}", "--zone", "UTC")
    log.run_certroll("window", "add", name, *hours, "--replace")
    return opens, closes


def create_task(log: StepLog, plan: str, step: str) -> str:
    """Creates a task of a saved plan; returns its id."""
    result = log.run_step(step, "task", "create", "--plan", plan, "--name", plan, "--yes")
    return str((result.get("task") or result)["id"])


def wait_for_end(log: StepLog, task_id: str, opens: datetime, closes: datetime) -> None:
    """Waits for the end of the task or of the window, and records its progress by then."""
    deadline = closes + timedelta(minutes=2)
    failed = OutcomeStatus.FAILED
    with open_store(log.home) as store:
        while (task := store.tasks.get(task_id)).ended_at is None and datetime.now(UTC) < deadline:
            time.sleep(2)
        tally = store.tasks.outcomes.get_tally(task_id)
        causes = Counter(str(o.cause) for o in store.tasks.outcomes.list(task_id, failed))
    took = min(task.ended_at or closes, closes) - opens
    log.add_row(f"task {task.name}, of a window of {closes - opens}", took.total_seconds())
    counts = ", ".join(
        f"{count:,} {status}" for status, count in tally.model_dump().items() if count
    )
    late = "" if task.ended_at is None or task.ended_at <= closes else ", after the window"
    why = [f"{count:,} failed: {cause}" for cause, count in causes.most_common(3)]
    log.set_result("; ".join([f"{task.status.value}{late}: {counts}", *why]))


def open_store(home: Path) -> Store:
    return Store.open(Settings(home=home, database_url=None, temporal_address=None))


def run_all(home: Path, resources: int, close_after: int | None) -> str:
    """All steps as a table."""
    log = StepLog(home)
    with stack(log, resources):
        sync_and_list(log)
        upload_certificates(log)
        step = f"`plan create --all --issuer X --expiring-before '{URGENT}'`"
        save_plan(log, step, "urgent", "--expiring-before", URGENT)
        opens, closes = add_window(log, "tonight", 90)
        wait_for_end(log, create_task(log, "urgent", "`task create --plan urgent`"), opens, closes)
        if close_after is not None:
            save_plan(log, "`plan create --all --issuer X`", "rest")
            opens, closes = add_window(log, "tonight", close_after)
            again = add_window(log, "later", close_after, closes + PAUSE)
            task = create_task(log, "rest", "`task create --plan rest`")
            wait_for_end(log, task, opens, closes)
            wait_for_end(log, task, *again)
    return "\n".join(
        [HEAD, *(f"| {step} | {took:.1f} s | {step} |" for step, took, step in log.rows)]
    )


def build_section() -> str:
    """The section of `make bench`: a tenth of the resources, since all take an hour."""
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        return run_all(Path(folder) / "home", RESOURCES // 10, None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.newcomer")
    parser.add_argument("--resources", type=int, default=RESOURCES)
    parser.add_argument("--close-after", type=int, metavar="MINUTES")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        print(run_all(Path(folder) / "home", options.resources, options.close_after))


if __name__ == "__main__":
    main()
