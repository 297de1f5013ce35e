"""A task begins in its opening, stops where that ends, goes on in the next; no way back waits."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

import workflows.deployment.activity_calls
import workflows.deployment.state
from activities.heartbeats import Heart
from domain.calendar.parsing import window
from domain.calendar.windows import Freeze, Scope
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Phase, TaskStatus
from starter.requests import tasks
from tests.support.house import ACCOUNT, SERVICE, House
from worker import build

SET = "SetCdnDomainSSLCertificate"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A, B, C = "a.example.com", "b.example.com", "c.example.com"


def freeze(house: House, *, begins: timedelta = -HOUR, ends: timedelta = DAY) -> Freeze:
    now = datetime.now(UTC)
    made = Freeze(name="close", begins=now + begins, ends=now + ends, reason="sale", scope=Scope())
    house.store.calendar.freezes.add(made)
    return made


def later_today(house: House) -> datetime:
    """A window of an hour that opens in two to three; when that is."""
    opens = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + 3 * HOUR
    hours = {"start": f"{opens:%H:%M}", "end": f"{opens + HOUR:%H:%M}"}
    made = window("short", zone="UTC", days="daily", **hours, scope=Scope())
    house.store.calendar.windows.add(made)
    return opens


async def created(house: House, client: Client, *names: str, **more: Any) -> TaskRecord:
    house.domains(*(names or (A,)))
    house.grant(5)
    return await house.create(client, house.plan(house.upload("new", "*.example.com")), **more)


def audit(house: House, task: TaskRecord) -> list[tuple[str, str]]:
    kinds = ("moved", "windows overridden", "windows ignored")
    events = house.store.tasks.events(task.id)
    return [(event.kind, event.by) for event in events if event.kind in kinds]


async def closed(client: Client, task: TaskRecord) -> datetime:
    """When the workflow has closed, by its own clock."""
    handle = client.get_workflow_handle(workflow_id(task.id))
    await handle.result()
    ended = (await handle.describe()).close_time
    assert ended is not None
    return ended


async def test_a_task_that_is_asked_for_outside_its_window_runs_in_the_next(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client, opens = skipping_engine.client, later_today(house)
    async with house.working(client):
        task = await created(house, client)
        assert task.at == opens
        assert task.rollback_until == opens + 30 * DAY
        ended = await closed(client, task)
    record = house.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.started_at is not None
    assert opens <= record.started_at < opens + HOUR
    assert ended >= opens + 30 * DAY
    assert audit(house, task) == [("moved", "tester")]


async def test_a_freeze_that_is_added_later_moves_it_when_its_time_comes(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    task = await created(house, client, delay=HOUR)
    frozen = freeze(house, ends=3 * DAY)
    async with house.working(client):
        ended = await closed(client, task)
    record = house.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.at == frozen.ends
    assert record.started_at is not None
    assert record.started_at >= frozen.ends
    assert record.rollback_until == task.rollback_until + (frozen.ends - task.at)
    assert ended >= record.rollback_until
    assert audit(house, task) == [("moved", "certroll")]


async def test_a_task_that_was_late_is_moved_too_and_can_be_moved_back(
    house: House, engine: Client
) -> None:
    task = await created(house, engine)
    frozen = freeze(house)
    async with house.working(engine):
        await house.noted(engine, task, "freeze 'close'")
        progress = await tasks.progress(engine, task)
        assert progress is not None
        assert (progress.at, progress.phase) == (frozen.ends, Phase.WAITING)
        assert not any("started at once" in note for note in progress.notes)
        assert house.served(A) == house.former[A]
        house.store.calendar.freezes.delete("close")
        await tasks.reschedule(engine, task, datetime.now(UTC))
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED


async def test_a_task_that_was_moved_can_be_cancelled(house: House, engine: Client) -> None:
    task = await created(house, engine)
    freeze(house)
    async with house.working(engine):
        await house.noted(engine, task, "freeze 'close'")
        await tasks.cancel(engine, task, "not this year", "tester")
        assert (await house.ended(task)).status is TaskStatus.CANCELLED
    assert house.store.quota.balance() == 5


async def test_an_expiry_within_the_freeze_overrides_it(house: House, engine: Client) -> None:
    task = await created(house, engine, delay=timedelta(seconds=1))
    freeze(house, ends=1000 * DAY)
    async with house.working(engine):
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
    assert audit(house, task) == [("windows overridden", "certroll")]


async def test_a_task_that_shall_ignore_windows_does(house: House, engine: Client) -> None:
    freeze(house)
    task = await created(house, engine, ignore_windows="outage")
    async with house.working(engine):
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
    assert audit(house, task) == [("windows ignored", "tester")]


@contextmanager
def small_pages(*, history: int = 1000) -> Iterator[None]:
    """One change in a page, and a history that is long soon; for workers outside the sandbox."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workflows.deployment.activity_calls, "ORDERS_PER_PAGE", 1)
        patch.setattr(workflows.deployment.state, "SHORT_HISTORY", history)
        yield


@asynccontextmanager
async def plain_worker(house: House, client: Client) -> AsyncIterator[None]:
    heart = Heart(0.2)
    try:
        async with build(client, house.store, house.settings, heart):
            yield
    finally:
        heart.stop()


async def halfway(house: House, client: Client, task: TaskRecord) -> Freeze:
    """A freeze that begins while the first change is being made."""
    await house.ended(task, TaskStatus.RUNNING)
    while house.outcomes(task)[A].attempts == 0:
        await tasks.progress(client, task)
    return freeze(house)


async def slowly(house: House, client: Client, *names: str) -> TaskRecord:
    """One change at a time, the first of which takes a second."""
    house.cloud.fault("hang", SET, resource=A, seconds=1.0, count=1)
    return await created(house, client, *names, concurrency=1)


async def test_a_freeze_between_pages_holds_up_the_rest_which_goes_on_after_it(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    with small_pages(history=20):
        async with plain_worker(house, client):
            task = await slowly(house, client, A, B)
            first = await client.get_workflow_handle(workflow_id(task.id)).describe()
            frozen = await halfway(house, client, task)
            ended = await closed(client, task)
    record = house.store.tasks.get(task.id)
    assert (record.status, record.at) == (TaskStatus.SUCCEEDED, frozen.ends)
    assert record.ended_at is not None
    assert record.ended_at >= frozen.ends
    assert ended >= record.rollback_until > frozen.ends + 30 * DAY - MINUTE
    assert audit(house, task) == [("moved", "certroll")]
    former = client.get_workflow_handle(workflow_id(task.id), run_id=first.run_id)
    cut = (await former.describe()).close_time
    assert cut is not None
    assert cut < frozen.ends  # it waits with a new history, not with all that it did before


async def test_in_a_pause_a_resource_goes_back_and_the_rest_waits_on(
    house: House, engine: Client
) -> None:
    with small_pages():
        async with plain_worker(house, engine):
            task = await slowly(house, engine, A, B, C)
            await halfway(house, engine, task)
            await house.noted(engine, task, "moved to")
            ids = [f"{ACCOUNT}/{SERVICE}/{name}" for name in (A, C)]
            await tasks.rollback(engine, task, ids, "wrong chain", "tester")
            await house.settled(engine, task, TaskStatus.RUNNING)
            assert house.outcomes(task)[A].status is OutcomeStatus.ROLLED_BACK
            assert house.outcomes(task)[B].status is OutcomeStatus.PENDING
            assert house.served(A) == house.former[A]
            await tasks.rollback(engine, task, ids, "wrong chain", "tester")
            await house.noted(engine, task, "nothing to take back for tester")
            house.store.calendar.freezes.delete("close")
            await tasks.reschedule(engine, task, datetime.now(UTC))
            ended = await house.ended(task)
    assert ended.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert (ended.tally.rolled_back, ended.tally.deployed, ended.tally.skipped) == (1, 1, 1)
    assert house.served(B) != house.former[B]
    assert house.served(C) == house.former[C]


async def test_in_a_pause_the_whole_task_goes_back(house: House, engine: Client) -> None:
    with small_pages():
        async with plain_worker(house, engine):
            task = await slowly(house, engine, A, B)
            await halfway(house, engine, task)
            await house.noted(engine, task, "moved to")
            await tasks.rollback(engine, task, None, "wrong chain", "tester")
            back = await house.settled(engine, task, TaskStatus.ROLLED_BACK)
    assert (back.tally.rolled_back, back.tally.skipped) == (1, 1)
    assert house.served(A) == house.former[A]


async def test_in_a_pause_it_can_be_cancelled(house: House, engine: Client) -> None:
    with small_pages():
        async with plain_worker(house, engine):
            task = await slowly(house, engine, A, B)
            await halfway(house, engine, task)
            await house.noted(engine, task, "moved to")
            await tasks.cancel(engine, task, "enough", "tester")
            ended = await house.ended(task)
    assert ended.status is TaskStatus.CANCELLED
    assert (ended.tally.deployed, ended.tally.skipped) == (1, 1)


async def test_an_opening_that_ends_within_a_page_is_not_waited_for(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    frozen = freeze(house, begins=timedelta(seconds=4))
    house.cloud.fault("hang", SET, resource=A, seconds=5.0, count=1)
    async with house.working(client):
        task = await created(house, client, A, B, concurrency=1)
        await closed(client, task)
    record = house.store.tasks.get(task.id)
    assert (record.status, record.at) == (TaskStatus.SUCCEEDED, frozen.ends)
    assert record.started_at is not None
    assert record.started_at < frozen.begins
    assert audit(house, task) == [("moved", "certroll")]


async def test_a_way_back_is_never_frozen(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await created(house, engine)
        await house.ended(task)
        freeze(house)
        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        assert (await house.ended(task, TaskStatus.ROLLED_BACK)).tally.rolled_back == 1
    assert house.served(A) == house.former[A]
