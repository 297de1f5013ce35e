"""All processes of an installation, each of which a test can kill and start again."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from itertools import groupby
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from domain.certificates.certificate import Certificate
from domain.rollout.policy import RolloutPolicy
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import OutcomeStatus
from starter.temporal.client import connect, register_search_attributes
from starter.temporal.processes import Child, find_free_port, start_temporal, start_worker
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud, Row
from tests.support.stack import Stack

DOMAINS = 200
REFUSED = "*7.example.com"  # the cloud refuses one resource of ten permanently
MIDDLE = 60
GRANTED = 1000
LATENCY_MS = 20.0
TIMEOUT = 60.0
SET = "SetCdnDomainSSLCertificate"


class Lab:
    """A Temporal server on a file, a worker, a practice cloud, and a stack in this process."""

    def __init__(self, settings: Settings, stack: Stack) -> None:
        self.settings, self.stack = settings, stack
        self._port, self._web_port = find_free_port(), find_free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.temporal: Child | None = None
        self.worker: Child | None = None

    def start_temporal(self) -> None:
        """Start the server on the same port and the same file as before."""
        self.temporal = start_temporal(self.settings.home, self._port, self._web_port)

    def start_worker(self) -> None:
        """Start a worker of the same installation."""
        self.worker = start_worker(self.settings.home, self.address)

    def kill_temporal(self) -> None:
        _kill(self.temporal)
        self.temporal = None

    def kill_worker(self) -> None:
        _kill(self.worker)
        self.worker = None

    def restart_cloud(self) -> None:
        """Kill and start the cloud; its faults end with the process, so add them again."""
        self.stack.cloud.restart()
        self.refuse_some()

    def stop(self) -> None:
        """Kill everything that still runs; other tests cover a graceful stop."""
        for child in (self.worker, self.temporal):
            if child is not None:
                _kill(child)

    async def client(self) -> Client:
        """A new connection to the server."""
        return await connect(self.settings.model_copy(update={"temporal_address": self.address}))

    def refuse_some(self) -> None:
        """Let the cloud refuse to change one resource of ten."""
        self.stack.cloud.add_fault(
            "error", SET, resource=REFUSED, code="IllegalOperation", status=403
        )

    async def start_task(self) -> tuple[TaskRecord, Certificate]:
        """Start a task for 200 domains, of which the cloud refuses 20."""
        self.stack.seed_domains(*(f"n{number:03}.example.com" for number in range(DOMAINS)))
        new = self.stack.upload("new", "*.example.com")
        self.stack.grant_quota(GRANTED)
        self.refuse_some()
        plan = self.stack.build_plan(new)
        assert len(plan.changes) == DOMAINS
        client = await self.client()
        await register_search_attributes(client)  # the worker may register them later
        # One wave whose budget allows all failures, and no automatic rollback.
        policy = RolloutPolicy(roll_back_failed=False)
        return await self.stack.create_task(client, plan, concurrency=40, rollout=policy), new

    def wait_middle(self, task: TaskRecord, status: OutcomeStatus) -> None:
        """Wait until 60 resources are in `status`; most others are not yet."""
        deadline = time.monotonic() + TIMEOUT
        while (count := self._count(task)[status]) < MIDDLE:
            assert time.monotonic() < deadline, f"only {count} are {status.value}"
            time.sleep(0.02)

    def assert_in_the_middle(self, task: TaskRecord, status: OutcomeStatus) -> None:
        """Check that the kill hit a task at work: otherwise the test would prove nothing."""
        assert MIDDLE <= self._count(task)[status] < DOMAINS - 2 * MIDDLE // 3

    def assert_correct(self, task: TaskRecord, new: Certificate) -> Counter[OutcomeStatus]:
        """Check that every outcome is final and true, and that the quota is balanced."""
        outcomes = self.stack.list_outcomes(task)
        assert len(outcomes) == DOMAINS
        rows = {row["name"]: row for row in self.stack.cloud.list_resources(service="cdn")}
        for name, outcome in outcomes.items():
            self._assert_true(name, outcome, new, rows[name])
        self._assert_balanced(task, refused=sum(not row["applied"] for row in rows.values()))
        return Counter(outcome.status for outcome in outcomes.values())

    def _assert_true(self, name: str, outcome: OutcomeRecord, new: Certificate, row: Row) -> None:
        """Check that the cloud's own rows and a handshake agree with the outcome.

        The cloud lists what was bound after each change: a repeated change ends at the same
        certificate. If the worker was killed during a refused change, it is unknown whether the
        cloud made the change, so a rollback checks that resource too and finds nothing to do.
        """
        former = self.stack.fingerprints_before[name]
        back = [new.fingerprint, former]
        allowed: dict[OutcomeStatus, list[list[str | None]]] = {
            OutcomeStatus.DEPLOYED: [[new.fingerprint]],
            OutcomeStatus.FAILED: [[]],
            OutcomeStatus.ROLLED_BACK: [back, []] if fnmatch(name, REFUSED) else [back],
        }
        shown = f"{name} {outcome.status.value}"
        serves = new.fingerprint if outcome.status is OutcomeStatus.DEPLOYED else former
        assert [end for end, _ in groupby(row["applied"])] in allowed[outcome.status], shown
        assert (row["bound"], row["serving"], row["settled"]) == (serves, serves, True), shown
        assert self.stack.get_served(name) == serves, shown
        assert (outcome.cause is None) == (outcome.status is not OutcomeStatus.FAILED), shown
        assert outcome.attempts >= 1, shown

    def _assert_balanced(self, task: TaskRecord, refused: int) -> None:
        ledger = self.stack.store.quota
        amounts: Counter[str] = Counter()
        for entry in ledger.list_entries(task.id):
            assert entry.kind.value not in amounts, "a second entry of this kind"
            amounts[entry.kind.value] = entry.amount
        charged = DOMAINS - refused
        assert amounts == {"reserve": DOMAINS, "charge": charged, "refund": refused}
        assert ledger.get_balance() == GRANTED - charged

    def _count(self, task: TaskRecord) -> Counter[str]:
        return Counter(dict(self.stack.store.tasks.outcomes.get_tally(task.id)))


@contextmanager
def running_lab(
    tmp_path: Path,
    ca: CA,
    database_url: str | None = None,
    *,
    calls_per_second: float = 10_000,
    record: bool = False,
) -> Iterator[Lab]:
    """A running laboratory with its own home; on SQLite unless a URL is given.

    `calls_per_second` is the rate limit of each service; `record` keeps every request.
    """
    secret = None if database_url is None else SecretStr(database_url)
    settings = Settings(home=tmp_path / "home", database_url=secret)
    folder = tmp_path / "cloud"
    folder.mkdir()
    with (
        pytest.MonkeyPatch.context() as environment,
        PracticeCloud(folder, latency_ms=LATENCY_MS, record=record) as cloud,
        Store.open(settings, migrate=database_url is None) as store,
    ):
        if database_url is not None:
            environment.setenv("CERTROLL_DATABASE_URL", database_url)
        stack = Stack(settings, store, cloud, ca)
        stack.add_account(propagation=10.0, calls_per_second=calls_per_second)
        lab = Lab(settings, stack)
        try:
            lab.start_temporal()
            lab.start_worker()
            yield lab
        finally:
            lab.stop()


def _kill(child: Child | None) -> None:
    assert child is not None
    assert child.is_running
    child.process.kill()
    child.process.wait()
