"""A newcomer with many resources: which certificates expire first, and their replacement tonight.

`python -m benchmarks.newcomer` starts a practice cloud with three accounts at the calls per second
that the services document, and does by the command line what a person would: sync, look, preview,
open a maintenance window, and let the most urgent go through it. With `--close-after MINUTES` there
follows a task of all that is left, which stops with its window and goes on in the next one.
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
from sandbox.seeds import PLACES
from starter.demo.ca import PracticeCA
from starter.temporal.embedded import Embedded
from starter.temporal.processes import start_sandbox
from storage.settings import Settings
from storage.store import Store

RESOURCES = 100_000
PAUSE = timedelta(minutes=3)
ACCOUNTS = {"main": "example.com", "shop": "b.example.com", "media": "c.example.com"}
SECRET = DEFAULT_ACCOUNT.access_key_secret
"""Of the practice cloud on this machine's loopback; it opens nothing else."""
ISSUER, URGENT = "Practice scale", "in 10d"
HEAD = "| step | time | |\n| --- | ---: | --- |"


@dataclass
class Walk:
    """The steps so far, each with its seconds and what it showed."""

    home: Path
    rows: list[tuple[str, float, str]] = field(default_factory=list)

    def certroll(self, *words: str, env: dict[str, str] | None = None) -> str:
        """What the command prints; SystemExit where it fails."""
        known = {**os.environ, "CERTROLL_HOME": str(self.home), **(env or {})}
        command = [sys.executable, "-m", "starter.cli", *words]
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"certroll {' '.join(words)}: {done.stdout[-2000:]}{done.stderr}")
        return done.stdout

    def timed(self, told: str, *words: str) -> Any:
        """The same as a row of the table, and what it answers as JSON."""
        began = time.perf_counter()
        answer = json.loads(self.certroll(*words, "--json"))
        self.note(told, time.perf_counter() - began)
        return answer

    def note(self, step: str, seconds: float, shown: str = "") -> None:
        """One row, told at once on standard error: all of them take minutes."""
        self.rows.append((step, seconds, shown))
        print(f"{seconds:8.1f} s  {step}  {shown}", file=sys.stderr, flush=True)

    def tell(self, shown: str) -> None:
        """What the last step showed."""
        step, seconds, _ = self.rows.pop()
        self.note(step, seconds, shown)


@contextmanager
def house(walk: Walk, resources: int) -> Iterator[None]:
    """A practice cloud, Temporal and a worker, until the block ends."""
    names = [f"LTAI5tPracticeCloud{at:05}" for at, _ in enumerate(ACCOUNTS, 1)]
    began = time.perf_counter()
    options = [word for name in names for word in ("--account", f"{name}:{SECRET}")]
    sandbox, cloud = start_sandbox(walk.home, [*options, "--scale", str(resources)])
    walk.note(f"practice cloud with {resources:,} resources", time.perf_counter() - began)
    here = Embedded(Settings(home=walk.home, database_url=None, temporal_address=None), 0, 0)
    try:
        here.start()
        for account, key in zip(ACCOUNTS, names, strict=True):
            words = ("account", "add", account, "--provider", "alibaba", "--access-key-id", key)
            where = ("--endpoint", cloud["endpoint"], "--probe-address", cloud["edge"])
            secret = {"CERTROLL_ACCESS_KEY_SECRET": SECRET}
            walk.certroll(*words, *where, "--propagation", "60", env=secret)
        yield
    finally:
        here.stop()
        sandbox.stop()


def look(walk: Walk) -> None:
    """Syncs, and sees what expires first and where it serves."""
    found = walk.timed("`inventory sync`", "inventory", "sync")
    counts = [sum(each[name] for each in found) for name in ("seen", "to_read", "were_read")]
    walk.tell("{:,} resources; {:,} bindings to read, {:,} read".format(*counts))
    soon = walk.timed("`expiry --limit 200`", "expiry", "--limit", "200")
    walk.tell(f"first: {soon[0]['not_after'][:10]} on {soon[0]['places'][0]['service']}")
    walk.tell(f"{len(walk.timed('`expiry`, all', 'expiry')):,} certificates")


def certificates(walk: Walk) -> None:
    """A new one for all hosts of each service in each account, and quota for as many changes."""
    with stored(walk.home) as store:
        ca = PracticeCA("newcomer")
        for account, zone in ACCOUNTS.items():
            for service in sorted({each.service.replace("_", "-") for each in PLACES}):
                upload(store, ca, f"{account}-{service}", [f"*.{service}.{zone}"])
    walk.certroll("quota", "grant", "1000000")


def preview(walk: Walk, told: str, name: str, *words: str) -> int:
    """A saved plan; how many changes it has."""
    chosen = ("--all", "--issuer", ISSUER, *words)
    plan = walk.timed(told, "plan", "create", *chosen, "--name", name)
    refused, minutes = len(plan["refusals"]), plan["estimate"]["seconds"] / 60
    changes = len(plan["changes"])
    walk.tell(f"{changes:,} changes, {refused:,} refusals, about {minutes:.0f} min estimated")
    return changes


def window(
    walk: Walk, name: str, minutes: int, opens: datetime | None = None
) -> tuple[datetime, datetime]:
    """Opens with the next minute but one unless told when, for so many minutes."""
    soon = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
    opens = opens or soon
    closes = opens + timedelta(minutes=minutes)
    hours = ("--from", f"{opens:%H:%M}", "--to", f"{closes:%H:%M}", "--zone", "UTC")
    walk.certroll("window", "add", name, *hours, "--replace")
    return opens, closes


def created(walk: Walk, plan: str, told: str) -> str:
    """A task of a saved plan; its id."""
    made = walk.timed(told, "task", "create", "--plan", plan, "--name", plan, "--yes")
    return str((made.get("task") or made)["id"])


def until(walk: Walk, task_id: str, opens: datetime, closes: datetime) -> None:
    """Waits for the end of the task or of the window, and tells how far it came by then."""
    deadline = closes + timedelta(minutes=2)
    failed = OutcomeStatus.FAILED
    with stored(walk.home) as store:
        while (task := store.tasks.get(task_id)).ended_at is None and datetime.now(UTC) < deadline:
            time.sleep(2)
        tally = store.tasks.outcomes.tally(task_id)
        causes = Counter(str(o.cause) for o in store.tasks.outcomes.list(task_id, failed))
    took = min(task.ended_at or closes, closes) - opens
    walk.note(f"task {task.name}, of a window of {closes - opens}", took.total_seconds())
    counts = ", ".join(
        f"{count:,} {status}" for status, count in tally.model_dump().items() if count
    )
    late = "" if task.ended_at is None or task.ended_at <= closes else ", after the window"
    why = [f"{count:,} failed: {cause}" for cause, count in causes.most_common(3)]
    walk.tell("; ".join([f"{task.status.value}{late}: {counts}", *why]))


def stored(home: Path) -> Store:
    """What is kept there."""
    return Store.open(Settings(home=home, database_url=None, temporal_address=None))


def walked(home: Path, resources: int, close_after: int | None) -> str:
    """The whole walk as a table."""
    walk = Walk(home)
    with house(walk, resources):
        look(walk)
        certificates(walk)
        told = f"`plan create --all --issuer X --expiring-before '{URGENT}'`"
        preview(walk, told, "urgent", "--expiring-before", URGENT)
        opens, closes = window(walk, "tonight", 90)
        until(walk, created(walk, "urgent", "`task create --plan urgent`"), opens, closes)
        if close_after is not None:
            preview(walk, "`plan create --all --issuer X`", "rest")
            opens, closes = window(walk, "tonight", close_after)
            again = window(walk, "later", close_after, closes + PAUSE)
            task = created(walk, "rest", "`task create --plan rest`")
            until(walk, task, opens, closes)
            until(walk, task, *again)
    return "\n".join(
        [HEAD, *(f"| {step} | {took:.1f} s | {told} |" for step, took, told in walk.rows)]
    )


def section() -> str:
    """What `make bench` prints of it: a tenth of the resources, for all of them take an hour."""
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        return walked(Path(folder) / "home", RESOURCES // 10, None)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.newcomer")
    parser.add_argument("--resources", type=int, default=RESOURCES)
    parser.add_argument("--close-after", type=int, metavar="MINUTES")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="certroll-bench-") as folder:
        print(walked(Path(folder) / "home", asked.resources, asked.close_after))


if __name__ == "__main__":
    main()
