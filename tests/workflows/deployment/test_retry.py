"""A retry within a task: only failed changes, by the same rules as before."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from domain.calendar.windows import CalendarScope, Freeze
from domain.errors import BadInput
from domain.plans.quota import EntryKind
from domain.rollout.policy import OnBudgetExceeded
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.waves import NAMES, SET, create_in_waves, list_changed

A, B, C = "a.example.com", "b.example.com", "c.example.com"


def build_ids(*names: str) -> list[str]:
    return [f"{ACCOUNT}/{SERVICE}/{name}" for name in names]


def add_refusal(stack: Stack, name: str) -> None:
    stack.cloud.add_fault("error", SET, resource=name, code="IllegalOperation", status=403)


async def create_with_one_failure(stack: Stack, engine: Client, quota: int = 3) -> TaskRecord:
    """A task of three changes, the second of which has failed; the fault is cleared."""
    stack.seed_domains(A, B, C)
    stack.grant_quota(quota)
    add_refusal(stack, B)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert (task.status, task.tally.failed) == (TaskStatus.PARTIALLY_FAILED, 1)
    stack.cloud.clear_faults()
    return task


def list_quota_entries(stack: Stack, task: TaskRecord) -> list[tuple[EntryKind, int, int]]:
    return [(e.kind, e.round, e.amount) for e in stack.store.quota.list_entries(task.id)]


async def test_only_what_failed_is_retried_and_paid_for_again(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        before = stack.list_outcomes(task)
        await tasks.retry(engine, task, None, "permission given", "tester")
        ended = await stack.wait_ended(task, TaskStatus.SUCCEEDED)
    assert ended.tally.deployed == 3
    after = stack.list_outcomes(task)
    assert (after[A], after[C]) == (before[A], before[C])
    assert after[B].cause is None
    assert list_quota_entries(stack, task) == [
        (EntryKind.RESERVE, 0, 3),
        (EntryKind.CHARGE, 0, 2),
        (EntryKind.REFUND, 0, 1),
        (EntryKind.RESERVE, 1, 1),
        (EntryKind.CHARGE, 1, 1),
    ]
    assert stack.store.quota.get_balance() == 0
    recorded = [(e.by, e.text) for e in stack.store.tasks.list_events(task.id) if e.code == "retry"]
    assert recorded == [("tester", "permission given (1 change, 1 of quota)")]


async def test_with_nothing_to_try_again_it_is_refused_where_people_look(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        await tasks.retry(engine, task, build_ids(A), "once more", "tester")
        await stack.wait_for_note(engine, task, "retry refused")
        await tasks.retry(engine, task, build_ids("x.example.com"), "once more", "tester")
        await stack.wait_for_note(engine, task, "not in this task: main/alibaba.cdn/x.example.com")
    assert stack.store.tasks.get(task.id).status is TaskStatus.PARTIALLY_FAILED
    refused = [e for e in stack.store.tasks.list_events(task.id) if e.code == "retry-refused"]
    assert refused
    assert "tester: once more" in refused[0].text


async def test_too_little_quota_refuses_a_retry_and_changes_nothing(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        stack.seed_domains("other.example.org")
        other = stack.build_plan(stack.upload("other", "other.example.org"))
        await stack.wait_ended(await stack.create_task(engine, other, name="other"))
        assert stack.store.quota.get_balance() == 0
        await tasks.retry(engine, task, None, "once more", "tester")
        await stack.wait_for_note(engine, task, "retry refused")
    assert stack.list_outcomes(task)[B].status is OutcomeStatus.FAILED
    assert len(list_quota_entries(stack, task)) == 3


async def test_a_retry_that_fails_too_is_refunded_and_can_be_requested_again(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        add_refusal(stack, B)
        await tasks.retry(engine, task, None, "once more", "tester")
        await stack.wait_for_note(engine, task, "retry by tester")
        await stack.wait_ended(task, TaskStatus.PARTIALLY_FAILED)
        async with asyncio.timeout(20):
            while stack.store.quota.get_balance() != 1:
                await asyncio.sleep(0.05)
        stack.cloud.clear_faults()
        await tasks.retry(engine, task, None, "and again", "tester")
        await stack.wait_ended(task, TaskStatus.SUCCEEDED)
    assert stack.store.quota.get_balance() == 0
    assert [each for each in list_quota_entries(stack, task) if each[1] > 0] == [
        (EntryKind.RESERVE, 1, 1),
        (EntryKind.REFUND, 1, 1),
        (EntryKind.RESERVE, 2, 1),
        (EntryKind.CHARGE, 2, 1),
    ]


async def test_after_an_exceeded_budget_the_waves_are_gone_through_again_the_canary_first(
    stack: Stack, engine: Client
) -> None:
    add_refusal(stack, NAMES[0])
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await create_in_waves(stack, engine))
        assert (task.tally.failed, task.tally.skipped) == (1, 4)
        await tasks.retry(engine, task, None, "once more", "tester")  # it fails once more
        async with asyncio.timeout(30):
            while stack.list_outcomes(task)[NAMES[0]].attempts < 2:
                await asyncio.sleep(0.05)
        again = await stack.wait_ended(task, TaskStatus.FAILED)
        assert (again.tally.failed, again.tally.skipped) == (1, 4)
        stack.cloud.clear_faults()
        await tasks.retry(engine, task, None, "permission given", "tester")
        ended = await stack.wait_ended(task, TaskStatus.SUCCEEDED)
    assert ended.tally.deployed == 5
    outcomes = stack.store.tasks.outcomes.list(task.id)
    first = min(each.started_at for each in outcomes if each.started_at)
    assert [each.wave for each in outcomes if each.started_at == first] == [0]
    assert list_changed(stack) == set(NAMES)


async def test_what_the_task_rolled_back_is_retried_and_what_it_left_is_not_touched(
    stack: Stack, engine: Client
) -> None:
    stack.cloud.add_fault("unserved", SET, resource=NAMES[0], count=1)
    async with stack.run_worker(engine):
        task = await create_in_waves(
            stack, engine, on_budget_exceeded=OnBudgetExceeded.STOP, canary_budget=1
        )
        ended = await stack.wait_ended(task)
        assert (ended.tally.rolled_back, ended.tally.deployed) == (1, 4)
        await tasks.retry(engine, task, None, "edge repaired", "tester")
        done = await stack.wait_ended(task, TaskStatus.SUCCEEDED)
    assert done.tally.deployed == 5
    attempts = {each.wave: each.attempts for each in stack.list_outcomes(task).values()}
    assert attempts == {0: 3, 1: 1, 2: 1}


async def test_a_retry_respects_freezes(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        now = datetime.now(UTC)
        frozen = Freeze(
            name="close",
            begins=now - timedelta(hours=1),
            ends=now + timedelta(days=1),
            reason="sale",
            scope=CalendarScope(),
        )
        stack.store.calendar.freezes.add(frozen)
        await tasks.retry(engine, task, None, "once more", "tester")
        await stack.wait_for_note(engine, task, "freeze 'close'")
        assert stack.list_outcomes(task)[B].status is OutcomeStatus.PENDING
        stack.store.calendar.freezes.delete("close")
        await tasks.reschedule(engine, task, datetime.now(UTC))
        await stack.wait_ended(task, TaskStatus.SUCCEEDED)


async def test_after_a_retry_the_whole_task_can_be_rolled_back(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        await tasks.retry(engine, task, None, "once more", "tester")
        await stack.wait_ended(task, TaskStatus.SUCCEEDED)
        await tasks.rollback(engine, task, None, "old clients", "tester")
        back = await stack.wait_settled(engine, task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 3
    assert {stack.get_served(name) for name in (A, B, C)} == set(stack.fingerprints_before.values())


async def test_a_closed_task_is_not_retried(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_with_one_failure(stack, engine)
        await tasks.delete(stack.store, engine, task, "tidy up", "tester")
        await engine.get_workflow_handle(build_workflow_id(task.id)).result()
        with pytest.raises(BadInput) as refused:
            await tasks.retry(engine, task, None, "too late", "tester")
        assert refused.value.code == "task-closed"
