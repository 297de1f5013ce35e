"""Preflight before the first change: refused changes fail untouched."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from activities.bookkeeping import TaskAt
from activities.heartbeats import Heartbeater
from activities.preflight import PreflightActivities
from domain.calendar.windows import CalendarScope, Freeze
from domain.errors import BadInput
from domain.preflight.checks import CheckPolicy
from domain.tasks.audit import TaskEventCode
from domain.tasks.record import TaskRecord
from domain.tasks.spec import TaskSpec
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from starter.requests.task_draft import build_draft, build_scheduled_task
from tests.support.factory import DAY, Authority
from tests.support.preflight_runs import store_certificate, swap_keys
from tests.support.responders import Responder
from tests.support.stack import Stack
from tests.workflows.deployment.test_rollout import SET

A, B = "a.example.com", "b.example.com"
UPLOAD = "cas.UploadUserCertificate"


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder(Authority.root("Root").sub("Issuing")).serve() as serving:
        yield serving


def list_audit(stack: Stack, task: TaskRecord, kind: str) -> list[str]:
    return [event.text for event in stack.store.tasks.list_events(task.id) if event.code == kind]


async def test_a_certificate_revoked_while_the_task_waits_is_not_deployed_and_the_rest_is(
    any_stack: Stack, engine: Client, responder: Responder
) -> None:
    stack = any_stack
    stack.seed_domains(A, B)
    leaf = responder.leaf([A])
    bad, good = store_certificate(stack, "bad", leaf), stack.upload("good", B)
    stack.grant_quota(2)
    plan = stack.build_plan(bad, good)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, delay=timedelta(hours=1))
        responder.revoke(leaf)
        await tasks.reschedule(engine, task, datetime.now(UTC))
        ended = await stack.wait_ended(task)
    outcomes = stack.list_outcomes(ended)
    failed = outcomes[A]
    assert failed.status is OutcomeStatus.FAILED
    assert failed.cause is not None
    assert (failed.cause.code, failed.cause.needs_operator) == ("C07", True)
    assert "2026-03-01" in failed.cause.message
    assert (failed.attempts, failed.applied) == (0, False)
    assert outcomes[B].status is OutcomeStatus.DEPLOYED
    assert stack.get_served(A) == stack.fingerprints_before[A]
    assert stack.cloud.list_certificates(account=stack.key_id, fingerprint=bad.fingerprint) == []
    (recorded,) = list_audit(stack, ended, TaskEventCode.PREFLIGHT_REFUSED)
    assert recorded.startswith("C07")
    assert "bad" in recorded
    assert any(
        each.startswith("C12") for each in list_audit(stack, ended, TaskEventCode.PREFLIGHT_WARNED)
    )
    assert stack.store.quota.get_balance() == 1


async def test_an_account_whose_key_was_disabled_fails_all_that_needs_it_before_any_write(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(A, B)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.grant_quota(2)
    stack.cloud.add_fault("error", "*", code="InvalidAccessKeyId.Inactive", status=404)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is TaskStatus.FAILED
    causes = [each.cause for each in stack.list_outcomes(task).values()]
    assert [cause and cause.code for cause in causes] == ["C13", "C13"]
    assert all(cause and cause.needs_operator for cause in causes)
    stack.cloud.clear_faults()
    assert UPLOAD not in stack.cloud.count_calls()
    assert f"cdn.{SET}" not in stack.cloud.count_calls()
    assert stack.store.quota.get_balance() == 2


async def test_a_refusal_about_the_task_is_about_all_of_it(stack: Stack, engine: Client) -> None:
    stack.seed_domains(A, B)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.grant_quota(2)
    now = datetime.now(UTC)
    frozen = Freeze(
        name="close", begins=now - DAY, ends=now + DAY, reason="sale", scope=CalendarScope()
    )
    stack.store.calendar.freezes.add(frozen)
    # The served certificates expire before the freeze ends, which overrides it with a warning.
    stack.store.calendar.margin = 100 * DAY
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, checks={"C17": CheckPolicy.REFUSE})
        ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.FAILED
    assert {each.cause and each.cause.code for each in stack.list_outcomes(ended).values()} == {
        "C17"
    }
    assert stack.get_served(A) == stack.fingerprints_before[A]


async def test_a_tasks_own_check_policy_applies_to_it_alone(stack: Stack, engine: Client) -> None:
    stack.seed_domains(A)
    new, other = stack.upload("new", A), stack.upload("other", A)
    plan = stack.build_plan(new)
    swap_keys(stack, new, other)
    stack.grant_quota(1)
    stack.cloud.add_fault("error", "UploadUserCertificate", code="KeyMismatch", status=400)
    async with stack.run_worker(engine):
        first = await stack.wait_ended(await stack.create_task(engine, plan, name="first"))
        warned = {"C03": CheckPolicy.WARN}
        task = await stack.create_task(engine, plan, name="second", checks=warned)
        second = await stack.wait_ended(task)
    assert stack.store.tasks.get(task.id).checks == warned
    codes = [stack.list_outcomes(each)[A].cause for each in (first, second)]
    assert [cause and cause.code for cause in codes] == ["C03", "KeyMismatch"]
    assert any(
        each.startswith("C03") for each in list_audit(stack, second, TaskEventCode.PREFLIGHT_WARNED)
    )


async def test_checks_that_cannot_be_made_are_notified_and_hold_nothing_up(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BadInput("a defect of ours")

    stack.seed_domains(A)
    plan = stack.build_plan(stack.upload("new", A))
    stack.grant_quota(1)
    monkeypatch.setattr("operations.preflight.task_preflight.run_checks", broken)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    (recorded,) = list_audit(stack, task, TaskEventCode.PREFLIGHT_WARNED)
    assert "bad-input: a defect of ours" in recorded


async def test_a_repeated_step_tells_and_fails_nothing_twice(stack: Stack) -> None:
    stack.seed_domains(A, B)
    bad, good = stack.upload("bad", A), stack.upload("good", B)
    plan = stack.build_plan(bad, good)
    swap_keys(stack, bad, good)
    stack.grant_quota(2)
    spec = TaskSpec(name="x", plan=plan, at=datetime.now(UTC), created_by="tester", rollback_days=1)
    record, _ = build_scheduled_task(stack.store, build_draft(spec), plan)
    stack.store.tasks.create(record, plan)
    step = PreflightActivities(stack.store, stack.connectors, Heartbeater(), stack.settings)
    at = TaskAt(task_id=record.id, at=datetime.now(UTC))
    first = await asyncio.to_thread(step.run_preflight, at)
    lines = stack.store.tasks.list_events(record.id)
    second = await asyncio.to_thread(step.run_preflight, at)
    assert (first.failed, second.failed) == (1, 0)
    refused = [
        each
        for each in stack.store.tasks.list_events(record.id)
        if each.code == TaskEventCode.PREFLIGHT_REFUSED
    ]
    assert len(refused) == 1
    assert [each for each in lines if each.code == TaskEventCode.PREFLIGHT_REFUSED] == refused
