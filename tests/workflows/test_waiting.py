"""Waiting for the custom time: skipped where a server can skip it, rescheduled and cancelled."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.errors import BadInput
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from starter.requests import tasks
from tests.support.house import House

MONTH = timedelta(days=30)


async def prepared(house: House, client: Client, delay: timedelta = MONTH) -> TaskRecord:
    house.domains("www.example.com")
    new = house.upload("new", "www.example.com")
    house.grant(5)
    return await house.create(client, house.plan(new), delay=delay)


async def test_a_task_sleeps_thirty_days_deploys_and_listens_for_thirty_more(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    async with house.working(client):
        task = await prepared(house, client)
        handle = client.get_workflow_handle(workflow_id(task.id))
        assert await handle.result() == "succeeded"
        closed = (await handle.describe()).close_time
    assert closed is not None
    assert closed - task.created_at >= 2 * MONTH - timedelta(minutes=1)
    assert house.served("www.example.com") != house.former["www.example.com"]


async def test_a_waiting_task_changes_nothing_and_holds_its_quota(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        progress = await tasks.progress(engine, task)
        assert progress is not None
        assert progress.status is TaskStatus.SCHEDULED
        assert house.served("www.example.com") == house.former["www.example.com"]
        await tasks.cancel(engine, task, "done", "tester")
        await house.ended(task)


async def test_a_time_in_the_past_starts_at_once_and_says_so(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await prepared(house, engine, -timedelta(hours=2))
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
        progress = await tasks.progress(engine, task)
    assert progress is not None
    assert any("started at once" in note for note in progress.notes)


async def test_a_waiting_task_can_be_moved_to_now(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        at = datetime.now(UTC)
        assert await tasks.reschedule(engine, task, at) == at
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
    assert house.store.tasks.get(task.id).at == at


async def test_a_waiting_task_can_be_moved_and_then_waits_on(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        later = datetime.now(UTC) + 2 * MONTH
        await tasks.reschedule(engine, task, later)
        progress = await tasks.progress(engine, task)
        assert progress is not None
        assert (progress.at, progress.status) == (later, TaskStatus.SCHEDULED)
        await tasks.cancel(engine, task, "done", "tester")
        await house.ended(task)


async def test_a_task_that_ran_cannot_be_rescheduled(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await prepared(house, engine, timedelta())
        ended = await house.ended(task)
        with pytest.raises(BadInput, match="no longer waits, it is succeeded"):
            await tasks.reschedule(engine, ended, datetime.now(UTC) + MONTH)


async def test_a_cancelled_task_changes_nothing_and_gives_its_quota_back(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        assert house.store.quota.balance() in (4, 5)
        await tasks.cancel(engine, task, "wrong night", "tester")
        ended = await house.ended(task, TaskStatus.CANCELLED)
        await engine.get_workflow_handle(workflow_id(task.id)).result()
    assert house.store.quota.balance() == 5
    assert house.served("www.example.com") == house.former["www.example.com"]
    outcome = house.outcomes(task)["www.example.com"]
    assert outcome.status is OutcomeStatus.SKIPPED
    assert outcome.cause is not None
    assert "wrong night" in outcome.cause.message
    with pytest.raises(BadInput, match="cancelled, nothing of it waits"):
        await tasks.cancel(engine, ended, "again", "tester")
    with pytest.raises(BadInput, match="listens no longer"):
        await tasks.rollback(engine, ended, None, "too late", "tester")


async def test_a_rollback_of_a_waiting_task_keeps_it_from_starting(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        await tasks.rollback(engine, task, None, "do not", "tester")
        assert (await house.ended(task)).status is TaskStatus.CANCELLED
    assert house.served("www.example.com") == house.former["www.example.com"]


async def test_a_cancellation_through_temporal_does_what_the_signal_does(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        handle = engine.get_workflow_handle(workflow_id(task.id))
        await handle.cancel()
        assert await handle.result() == "cancelled"
    assert house.store.quota.balance() == 5


async def test_too_little_quota_is_refused_before_anything_is_written(
    house: House, engine: Client
) -> None:
    house.domains("www.example.com")
    plan = house.plan(house.upload("new", "www.example.com"))
    with pytest.raises(BadInput, match="needs 1 deployments of quota, 0 are left"):
        await house.create(engine, plan)
    assert house.store.tasks.list() == []


async def test_of_two_tasks_for_the_last_quota_one_fails_with_the_cause(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", "b.example.com")
    house.grant(1)
    created = [
        await house.create(engine, house.plan(house.upload(name, name)))
        for name in ("a.example.com", "b.example.com")
    ]
    async with house.working(engine):
        ended = [await house.ended(task) for task in created]
    assert sorted(task.status for task in ended) == [TaskStatus.FAILED, TaskStatus.SUCCEEDED]
    failed = next(task for task in ended if task.status is TaskStatus.FAILED)
    (outcome,) = house.outcomes(failed).values()
    assert outcome.status is OutcomeStatus.SKIPPED
    assert outcome.cause is not None
    assert "0 are left" in outcome.cause.message
    assert house.store.quota.balance() == 0


async def test_a_deleted_waiting_task_is_cancelled_refunded_and_marked(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await prepared(house, engine)
        await tasks.delete(house.store, engine, task, "made by mistake", "tester")
        await engine.get_workflow_handle(workflow_id(task.id)).result()
    record = house.store.tasks.get(task.id)
    assert record.status is TaskStatus.CANCELLED
    assert record.deleted_at is not None
    assert house.store.quota.balance() == 5
    assert ("deleted", "tester") in {(e.kind, e.by) for e in house.store.tasks.events(task.id)}


async def test_a_rollback_that_comes_just_as_the_task_begins_keeps_it_from_deploying(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await prepared(house, engine, timedelta(seconds=1.5))
        handle = engine.get_workflow_handle(workflow_id(task.id))
        while house.store.quota.balance() == 5:
            await asyncio.sleep(0.02)
        with house.store.database.write():  # so that its first step as a running task takes long
            while (await handle.query("progress"))["phase"] == "waiting":
                await asyncio.sleep(0.02)
            by = {"reason": "wrong names", "requested_by": "tester"}
            await handle.signal("rollback", {"resources": ["main/alibaba.cdn/none"], **by})
            await handle.signal("rollback", {"resources": None, **by})
        cancelled = await house.settled(engine, task, TaskStatus.CANCELLED)
    assert cancelled.tally == Tally(skipped=1)
    (outcome,) = house.outcomes(task).values()
    assert outcome.cause is not None
    assert "tester asked to roll the task back: wrong names" in outcome.cause.message
    assert house.store.quota.balance() == 5
