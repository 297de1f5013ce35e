"""Maintenance windows and freezes hold up changes, and never a rollback."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

import workflows.deployment.activity_calls
import workflows.deployment.state
from activities.heartbeats import Heartbeater
from domain.calendar.parsing import parse_window
from domain.calendar.windows import CalendarScope, Freeze
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Phase, TaskStatus
from starter.requests import tasks
from tests.support.stack import ACCOUNT, SERVICE, Stack
from worker import build_worker

SET = "SetCdnDomainSSLCertificate"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A, B, C = "a.example.com", "b.example.com", "c.example.com"


def add_freeze(stack: Stack, *, begins: timedelta = -HOUR, ends: timedelta = DAY) -> Freeze:
    now = datetime.now(UTC)
    made = Freeze(
        name="close", begins=now + begins, ends=now + ends, reason="sale", scope=CalendarScope()
    )
    stack.store.calendar.freezes.add(made)
    return made


def add_window(stack: Stack) -> datetime:
    """Adds a window of one hour that opens in two to three hours; returns when."""
    opens = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 3 * HOUR
    hours = {"start": f"{opens:%H:%M}", "end": f"{opens + HOUR:%H:%M}"}
    made = parse_window("short", zone="UTC", days="daily", **hours, scope=CalendarScope())
    stack.store.calendar.windows.add(made)
    return opens


async def create(stack: Stack, client: Client, *names: str, **more: Any) -> TaskRecord:
    stack.seed_domains(*(names or (A,)))
    stack.grant_quota(5)
    return await stack.create_task(
        client, stack.build_plan(stack.upload("new", "*.example.com")), **more
    )


def list_audit(stack: Stack, task: TaskRecord) -> list[tuple[str, str]]:
    kinds = ("postponed", "windows-overridden", "windows-ignored")
    events = stack.store.tasks.list_events(task.id)
    return [(event.code, event.by) for event in events if event.code in kinds]


async def wait_closed(client: Client, task: TaskRecord) -> datetime:
    """Waits until the workflow closes; returns when, by its own clock."""
    handle = client.get_workflow_handle(build_workflow_id(task.id))
    await handle.result()
    ended = (await handle.describe()).close_time
    assert ended is not None
    return ended


async def test_a_task_that_is_requested_outside_its_window_runs_in_the_next(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client, opens = skipping_engine.client, add_window(stack)
    async with stack.run_worker(client):
        task = await create(stack, client)
        assert task.at == opens
        assert task.rollback_until == opens + 30 * DAY
        ended = await wait_closed(client, task)
    record = stack.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.started_at is not None
    assert opens <= record.started_at < opens + HOUR
    assert ended >= opens + 30 * DAY
    assert list_audit(stack, task) == [("postponed", "tester")]


async def test_a_freeze_that_is_added_later_moves_it_when_its_time_comes(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    task = await create(stack, client, delay=HOUR)
    frozen = add_freeze(stack, ends=3 * DAY)
    async with stack.run_worker(client):
        ended = await wait_closed(client, task)
    record = stack.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.at == frozen.ends
    assert record.started_at is not None
    assert record.started_at >= frozen.ends
    assert record.rollback_until == task.rollback_until + (frozen.ends - task.at)
    assert ended >= record.rollback_until
    assert list_audit(stack, task) == [("postponed", "certroll")]


async def test_a_task_that_was_late_is_moved_too_and_can_be_moved_back(
    stack: Stack, engine: Client
) -> None:
    task = await create(stack, engine)
    frozen = add_freeze(stack)
    async with stack.run_worker(engine):
        await stack.wait_for_note(engine, task, "freeze 'close'")
        progress = await tasks.progress(engine, task)
        assert progress is not None
        assert (progress.at, progress.phase) == (frozen.ends, Phase.WAITING)
        assert not any("started at once" in note for note in progress.notes)
        assert stack.get_served(A) == stack.fingerprints_before[A]
        stack.store.calendar.freezes.delete("close")
        await tasks.reschedule(engine, task, datetime.now(UTC))
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED


async def test_a_task_that_was_moved_can_be_cancelled(stack: Stack, engine: Client) -> None:
    task = await create(stack, engine)
    add_freeze(stack)
    async with stack.run_worker(engine):
        await stack.wait_for_note(engine, task, "freeze 'close'")
        await tasks.cancel(engine, task, "not this year", "tester")
        assert (await stack.wait_ended(task)).status is TaskStatus.CANCELLED
    assert stack.store.quota.get_balance() == 5


async def test_an_expiry_within_the_freeze_overrides_it(stack: Stack, engine: Client) -> None:
    task = await create(stack, engine, delay=timedelta(seconds=1))
    add_freeze(stack, ends=1000 * DAY)
    async with stack.run_worker(engine):
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
    assert list_audit(stack, task) == [("windows-overridden", "certroll")]


async def test_a_task_that_shall_ignore_windows_does(stack: Stack, engine: Client) -> None:
    add_freeze(stack)
    task = await create(stack, engine, ignore_windows="outage")
    async with stack.run_worker(engine):
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
    assert list_audit(stack, task) == [("windows-ignored", "tester")]


@contextmanager
def use_small_pages(*, history: int = 1000) -> Iterator[None]:
    """Sets one change per page and a short history, for workers outside the sandbox."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflows.deployment.activity_calls, "ORDERS_PER_PAGE", 1)
        patch.setattr(workflows.deployment.state, "SHORT_HISTORY", history)
        yield


@asynccontextmanager
async def run_plain_worker(stack: Stack, client: Client) -> AsyncIterator[None]:
    heart = Heartbeater(0.2)
    try:
        async with build_worker(client, stack.store, stack.settings, heart):
            yield
    finally:
        heart.stop()


async def freeze_halfway(stack: Stack, client: Client, task: TaskRecord) -> Freeze:
    """Adds a freeze while the first change is under way."""
    await stack.wait_ended(task, TaskStatus.RUNNING)
    while stack.list_outcomes(task)[A].attempts == 0:
        await tasks.progress(client, task)
    return add_freeze(stack)


async def create_slow(stack: Stack, client: Client, *names: str) -> TaskRecord:
    """Creates a task of one change at a time, the first of which takes a second."""
    stack.cloud.add_fault("hang", SET, resource=A, seconds=1.0, count=1)
    return await create(stack, client, *names, concurrency=1)


async def test_a_freeze_between_pages_holds_up_the_rest_which_goes_on_after_it(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    with use_small_pages(history=20):
        async with run_plain_worker(stack, client):
            task = await create_slow(stack, client, A, B)
            first = await client.get_workflow_handle(build_workflow_id(task.id)).describe()
            frozen = await freeze_halfway(stack, client, task)
            ended = await wait_closed(client, task)
    record = stack.store.tasks.get(task.id)
    assert (record.status, record.at) == (TaskStatus.SUCCEEDED, frozen.ends)
    assert record.ended_at is not None
    assert record.ended_at >= frozen.ends
    assert ended >= record.rollback_until > frozen.ends + 30 * DAY - MINUTE
    assert list_audit(stack, task) == [("postponed", "certroll")]
    former = client.get_workflow_handle(build_workflow_id(task.id), run_id=first.run_id)
    cut = (await former.describe()).close_time
    assert cut is not None
    assert cut < frozen.ends  # it continued as new before it waited


async def test_in_a_pause_a_resource_goes_back_and_the_rest_waits_on(
    stack: Stack, engine: Client
) -> None:
    with use_small_pages():
        async with run_plain_worker(stack, engine):
            task = await create_slow(stack, engine, A, B, C)
            await freeze_halfway(stack, engine, task)
            await stack.wait_for_note(engine, task, "postponed to")
            ids = [f"{ACCOUNT}/{SERVICE}/{name}" for name in (A, C)]
            await tasks.rollback(engine, task, ids, "wrong chain", "tester")
            await stack.wait_settled(engine, task, TaskStatus.RUNNING)
            assert stack.list_outcomes(task)[A].status is OutcomeStatus.ROLLED_BACK
            assert stack.list_outcomes(task)[B].status is OutcomeStatus.PENDING
            assert stack.get_served(A) == stack.fingerprints_before[A]
            await tasks.rollback(engine, task, ids, "wrong chain", "tester")
            await stack.wait_for_note(engine, task, "nothing to roll back for tester")
            stack.store.calendar.freezes.delete("close")
            await tasks.reschedule(engine, task, datetime.now(UTC))
            ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert (ended.tally.rolled_back, ended.tally.deployed, ended.tally.skipped) == (1, 1, 1)
    assert stack.get_served(B) != stack.fingerprints_before[B]
    assert stack.get_served(C) == stack.fingerprints_before[C]


async def test_in_a_pause_the_whole_task_goes_back(stack: Stack, engine: Client) -> None:
    with use_small_pages():
        async with run_plain_worker(stack, engine):
            task = await create_slow(stack, engine, A, B)
            await freeze_halfway(stack, engine, task)
            await stack.wait_for_note(engine, task, "postponed to")
            await tasks.rollback(engine, task, None, "wrong chain", "tester")
            back = await stack.wait_settled(engine, task, TaskStatus.ROLLED_BACK)
    assert (back.tally.rolled_back, back.tally.skipped) == (1, 1)
    assert stack.get_served(A) == stack.fingerprints_before[A]


async def test_in_a_pause_it_can_be_cancelled(stack: Stack, engine: Client) -> None:
    with use_small_pages():
        async with run_plain_worker(stack, engine):
            task = await create_slow(stack, engine, A, B)
            await freeze_halfway(stack, engine, task)
            await stack.wait_for_note(engine, task, "postponed to")
            await tasks.cancel(engine, task, "enough", "tester")
            ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.CANCELLED
    assert (ended.tally.deployed, ended.tally.skipped) == (1, 1)


async def test_a_window_that_ends_within_a_page_is_not_waited_for(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    frozen = add_freeze(stack, begins=timedelta(seconds=4))
    stack.cloud.add_fault("hang", SET, resource=A, seconds=5.0, count=1)
    async with stack.run_worker(client):
        task = await create(stack, client, A, B, concurrency=1)
        await wait_closed(client, task)
    record = stack.store.tasks.get(task.id)
    assert (record.status, record.at) == (TaskStatus.SUCCEEDED, frozen.ends)
    assert record.started_at is not None
    assert record.started_at < frozen.begins
    assert list_audit(stack, task) == [("postponed", "certroll")]


async def test_a_rollback_is_never_frozen(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine)
        await stack.wait_ended(task)
        add_freeze(stack)
        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        assert (await stack.wait_ended(task, TaskStatus.ROLLED_BACK)).tally.rolled_back == 1
    assert stack.get_served(A) == stack.fingerprints_before[A]
