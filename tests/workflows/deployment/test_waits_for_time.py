"""Waiting for the task's time: rescheduled, cancelled, deleted, rolled back."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.errors import BadInput
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from starter.requests import tasks
from tests.support.stack import Stack

MONTH = timedelta(days=30)


async def create_waiting(stack: Stack, client: Client, delay: timedelta = MONTH) -> TaskRecord:
    stack.seed_domains("www.example.com")
    new = stack.upload("new", "www.example.com")
    stack.grant_quota(5)
    return await stack.create_task(client, stack.build_plan(new), delay=delay)


async def test_a_task_sleeps_thirty_days_deploys_and_listens_for_thirty_more(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    async with stack.run_worker(client):
        task = await create_waiting(stack, client)
        handle = client.get_workflow_handle(build_workflow_id(task.id))
        assert await handle.result() == "succeeded"
        closed = (await handle.describe()).close_time
    assert closed is not None
    assert closed - task.created_at >= 2 * MONTH - timedelta(minutes=1)
    assert stack.get_served("www.example.com") != stack.fingerprints_before["www.example.com"]


async def test_a_waiting_task_changes_nothing_and_holds_its_quota(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        progress = await tasks.progress(engine, task)
        assert progress is not None
        assert progress.status is TaskStatus.SCHEDULED
        assert stack.get_served("www.example.com") == stack.fingerprints_before["www.example.com"]
        await tasks.cancel(engine, task, "done", "tester")
        await stack.wait_ended(task)


async def test_a_time_in_the_past_starts_at_once_and_says_so(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine, -timedelta(hours=2))
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
        progress = await tasks.progress(engine, task)
    assert progress is not None
    assert any("started at once" in note for note in progress.notes)


async def test_a_waiting_task_can_be_moved_to_now(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        at = datetime.now(UTC)
        assert await tasks.reschedule(engine, task, at) == at
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
    assert stack.store.tasks.get(task.id).at == at


async def test_a_waiting_task_can_be_moved_and_then_waits_on(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        later = datetime.now(UTC) + 2 * MONTH
        await tasks.reschedule(engine, task, later)
        progress = await tasks.progress(engine, task)
        assert progress is not None
        assert (progress.at, progress.status) == (later, TaskStatus.SCHEDULED)
        await tasks.cancel(engine, task, "done", "tester")
        await stack.wait_ended(task)


async def test_a_task_that_ran_cannot_be_rescheduled(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine, timedelta())
        ended = await stack.wait_ended(task)
        with pytest.raises(BadInput) as refused:
            await tasks.reschedule(engine, ended, datetime.now(UTC) + MONTH)
        assert refused.value.code == "not-waiting"


async def test_a_cancelled_task_changes_nothing_and_gives_its_quota_back(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        assert stack.store.quota.get_balance() in (4, 5)
        await tasks.cancel(engine, task, "wrong night", "tester")
        ended = await stack.wait_ended(task, TaskStatus.CANCELLED)
        await engine.get_workflow_handle(build_workflow_id(task.id)).result()
    assert stack.store.quota.get_balance() == 5
    assert stack.get_served("www.example.com") == stack.fingerprints_before["www.example.com"]
    outcome = stack.list_outcomes(task)["www.example.com"]
    assert outcome.status is OutcomeStatus.SKIPPED
    assert outcome.cause is not None
    assert "wrong night" in outcome.cause.message
    with pytest.raises(BadInput) as second:
        await tasks.cancel(engine, ended, "again", "tester")
    assert second.value.code == "task-ended"
    with pytest.raises(BadInput) as late:
        await tasks.rollback(engine, ended, None, "too late", "tester")
    assert late.value.code == "task-closed"


async def test_a_rollback_of_a_waiting_task_keeps_it_from_starting(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        await tasks.rollback(engine, task, None, "do not", "tester")
        assert (await stack.wait_ended(task)).status is TaskStatus.CANCELLED
    assert stack.get_served("www.example.com") == stack.fingerprints_before["www.example.com"]


async def test_a_cancellation_through_temporal_does_what_the_signal_does(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        handle = engine.get_workflow_handle(build_workflow_id(task.id))
        await handle.cancel()
        assert await handle.result() == "cancelled"
    assert stack.store.quota.get_balance() == 5


async def test_too_little_quota_is_refused_before_anything_is_written(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("www.example.com")
    plan = stack.build_plan(stack.upload("new", "www.example.com"))
    with pytest.raises(BadInput, check=lambda error: error.code == "quota-exceeded"):
        await stack.create_task(engine, plan)
    assert stack.store.tasks.list() == []


async def test_of_two_tasks_for_the_last_quota_one_fails_with_the_cause(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    stack.grant_quota(1)
    created = [
        await stack.create_task(engine, stack.build_plan(stack.upload(name, name)))
        for name in ("a.example.com", "b.example.com")
    ]
    async with stack.run_worker(engine):
        ended = [await stack.wait_ended(task) for task in created]
    assert sorted(task.status for task in ended) == [TaskStatus.FAILED, TaskStatus.SUCCEEDED]
    failed = next(task for task in ended if task.status is TaskStatus.FAILED)
    (outcome,) = stack.list_outcomes(failed).values()
    assert outcome.status is OutcomeStatus.SKIPPED
    assert outcome.cause is not None
    assert "0 are left" in outcome.cause.message
    assert stack.store.quota.get_balance() == 0


async def test_a_deleted_waiting_task_is_cancelled_refunded_and_marked(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine)
        await tasks.delete(stack.store, engine, task, "made by mistake", "tester")
        await engine.get_workflow_handle(build_workflow_id(task.id)).result()
    record = stack.store.tasks.get(task.id)
    assert record.status is TaskStatus.CANCELLED
    assert record.deleted_at is not None
    assert stack.store.quota.get_balance() == 5
    assert ("deleted", "tester") in {(e.code, e.by) for e in stack.store.tasks.list_events(task.id)}


async def test_a_rollback_that_comes_just_as_the_task_begins_keeps_it_from_deploying(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_waiting(stack, engine, timedelta(seconds=1.5))
        handle = engine.get_workflow_handle(build_workflow_id(task.id))
        while stack.store.quota.get_balance() == 5:
            await asyncio.sleep(0.02)
        with stack.store.database.write():  # makes the first step of the running task slow
            while (await handle.query("progress"))["phase"] == "waiting":
                await asyncio.sleep(0.02)
            by = {"reason": "wrong names", "requested_by": "tester"}
            await handle.signal("rollback", {"resources": ["main/alibaba.cdn/none"], **by})
            await handle.signal("rollback", {"resources": None, **by})
        cancelled = await stack.wait_settled(engine, task, TaskStatus.CANCELLED)
    assert cancelled.tally == Tally(skipped=1)
    (outcome,) = stack.list_outcomes(task).values()
    assert outcome.cause is not None
    assert outcome.cause.code == "cancelled"
    assert "wrong names" in outcome.cause.message
    assert stack.store.quota.get_balance() == 5
