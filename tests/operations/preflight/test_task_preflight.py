"""Preflight of a task fails the changes that a check refuses, and records all findings."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import delete

from domain.cause import Cause
from domain.certificates.certificate import Certificate
from domain.plans.plan import Plan
from domain.tasks.audit import TaskEventCode
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from operations.preflight import task_preflight
from operations.preflight.task_preflight import PreflightSummary, run_preflight
from storage.tables.core import AccountRow
from tests.support.preflight_runs import swap_keys
from tests.support.stack import Stack

A, B = "a.example.com", "b.example.com"
TASK = "t1"


class PlannedTask:
    """A task with one certificate for each of two domains."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        stack.seed_domains(A, B)
        self.bad, self.good = stack.upload("bad", A), stack.upload("good", B)
        self.create(stack.build_plan(self.bad, self.good))

    def create(self, plan: Plan) -> None:
        now = datetime.now(UTC)
        record = TaskRecord(
            id=TASK,
            name=TASK,
            status=TaskStatus.RUNNING,
            digest=plan.digest,
            certificates=plan.certificates,
            at=now,
            rollback_until=now + timedelta(days=1),
            cost=plan.cost,
            created_at=now,
            created_by="tester",
        )
        self.stack.store.tasks.create(record, plan)

    def break_key(self, certificate: Certificate, other: Certificate) -> None:
        swap_keys(self.stack, certificate, other)

    def check(self) -> PreflightSummary:
        stack = self.stack
        at = datetime.now(UTC)
        return run_preflight(stack.store, stack.connectors, stack.settings, TASK, at)

    @property
    def causes(self) -> dict[str, Cause | None]:
        outcomes = self.stack.store.tasks.outcomes.list(TASK)
        return {each.change.resource.key: each.cause for each in outcomes}

    def list_events(self, code: TaskEventCode) -> list[str]:
        events = self.stack.store.tasks.list_events(TASK)
        return [each.text for each in events if each.code == code]


@pytest.fixture
def task(stack: Stack) -> PlannedTask:
    return PlannedTask(stack)


def test_only_the_changes_that_a_finding_covers_fail(task: PlannedTask) -> None:
    task.break_key(task.bad, task.good)
    summary = task.check()
    assert summary.failed == 1
    (refusal,) = summary.refusals
    assert refusal.startswith("C03")
    cause = task.causes[A]
    assert cause is not None
    assert cause.code == "C03"
    assert task.causes[B] is None
    (recorded,) = task.list_events(TaskEventCode.PREFLIGHT_REFUSED)
    assert recorded.startswith("C03")
    assert len(task.list_events(TaskEventCode.PREFLIGHT_WARNED)) == summary.warnings > 0


def test_a_task_without_refusals_keeps_its_changes_pending(task: PlannedTask) -> None:
    summary = task.check()
    assert (summary.failed, summary.refusals) == (0, ())
    assert task.causes == {A: None, B: None}


def test_an_account_that_was_deleted_fails_all_changes(task: PlannedTask) -> None:
    with task.stack.store.database.write() as session:
        session.exec(delete(AccountRow))
    assert task.check().failed == 2
    assert all(task.causes.values())


def test_a_repeated_preflight_checks_only_pending_changes(task: PlannedTask) -> None:
    task.break_key(task.bad, task.good)
    assert task.check().failed == 1
    assert task.check().failed == 0
    at = datetime.now(UTC)
    cause = Cause(code="Cancelled", message="not wanted any more")
    task.stack.store.tasks.outcomes.skip(TASK, None, at, cause)
    assert task.check() == PreflightSummary()
    pending = task.stack.store.tasks.outcomes.list(TASK, OutcomeStatus.PENDING)
    assert pending == []


def test_findings_beyond_the_limit_are_counted(
    task: PlannedTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    task.break_key(task.bad, task.good)
    monkeypatch.setattr(task_preflight, "MAX_EVENTS", 1)
    summary = task.check()
    assert len(task.list_events(TaskEventCode.PREFLIGHT_REFUSED)) == 1
    (more,) = task.list_events(TaskEventCode.PREFLIGHT_WARNED)
    assert f" {summary.failed + summary.warnings - 1} " in more
    assert f"certroll task check {TASK}" in more
