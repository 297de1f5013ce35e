"""Trying once more, in the same task: only what failed, by the same rules as the first time."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from domain.calendar.windows import Freeze, Scope
from domain.errors import BadInput
from domain.plans.quota import EntryKind
from domain.rollout.policy import OnBreach
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import ACCOUNT, SERVICE, House
from tests.workflows.waving import NAMES, SET, changed, in_waves

A, B, C = "a.example.com", "b.example.com", "c.example.com"


def ids(*names: str) -> list[str]:
    return [f"{ACCOUNT}/{SERVICE}/{name}" for name in names]


def refuse(house: House, name: str) -> None:
    house.cloud.fault("error", SET, resource=name, code="IllegalOperation", status=403)


async def one_failed(house: House, engine: Client, quota: int = 3) -> TaskRecord:
    """A task of three, of which the second one has failed; the fault is gone by then."""
    house.domains(A, B, C)
    house.grant(quota)
    refuse(house, B)
    plan = house.plan(house.upload("new", "*.example.com"))
    task = await house.ended(await house.create(engine, plan))
    assert (task.status, task.tally.failed) == (TaskStatus.PARTIALLY_FAILED, 1)
    house.cloud.clear_faults()
    return task


def amounts(house: House, task: TaskRecord) -> list[tuple[EntryKind, int, int]]:
    return [(e.kind, e.round, e.amount) for e in house.store.quota.entries(task.id)]


async def test_only_what_failed_is_tried_again_and_paid_for_again(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        before = house.outcomes(task)
        await tasks.retry(engine, task, None, "permission given", "tester")
        ended = await house.ended(task, TaskStatus.SUCCEEDED)
    assert ended.tally.deployed == 3
    after = house.outcomes(task)
    assert (after[A], after[C]) == (before[A], before[C])
    assert after[B].cause is None
    assert amounts(house, task) == [
        (EntryKind.RESERVE, 0, 3),
        (EntryKind.CHARGE, 0, 2),
        (EntryKind.REFUND, 0, 1),
        (EntryKind.RESERVE, 1, 1),
        (EntryKind.CHARGE, 1, 1),
    ]
    assert house.store.quota.balance() == 0
    told = [(e.by, e.text) for e in house.store.tasks.events(task.id) if e.kind == "retry"]
    assert told == [("tester", "permission given (1 change, 1 of quota)")]


async def test_with_nothing_to_try_again_it_is_refused_where_people_look(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        await tasks.retry(engine, task, ids(A), "once more", "tester")
        await house.noted(engine, task, "retry refused: nothing of it failed")
        await tasks.retry(engine, task, ids("x.example.com"), "once more", "tester")
        await house.noted(engine, task, "not in this task: main/alibaba.cdn/x.example.com")
    assert house.store.tasks.get(task.id).status is TaskStatus.PARTIALLY_FAILED
    refused = [e for e in house.store.tasks.events(task.id) if e.kind == "retry refused"]
    assert refused
    assert "asked by tester: once more" in refused[0].text


async def test_too_little_quota_refuses_a_retry_and_changes_nothing(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        house.domains("other.example.org")
        other = house.plan(house.upload("other", "other.example.org"))
        await house.ended(await house.create(engine, other, name="other"))
        assert house.store.quota.balance() == 0
        await tasks.retry(engine, task, None, "once more", "tester")
        await house.noted(engine, task, "needs 1 deployments of quota, 0 are left")
    assert house.outcomes(task)[B].status is OutcomeStatus.FAILED
    assert len(amounts(house, task)) == 3


async def test_a_retry_that_fails_too_is_refunded_and_can_be_asked_for_again(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        refuse(house, B)
        await tasks.retry(engine, task, None, "once more", "tester")
        await house.noted(engine, task, "retry by tester")
        await house.ended(task, TaskStatus.PARTIALLY_FAILED)
        async with asyncio.timeout(20):
            while house.store.quota.balance() != 1:
                await asyncio.sleep(0.05)
        house.cloud.clear_faults()
        await tasks.retry(engine, task, None, "and again", "tester")
        await house.ended(task, TaskStatus.SUCCEEDED)
    assert house.store.quota.balance() == 0
    assert [each for each in amounts(house, task) if each[1] > 0] == [
        (EntryKind.RESERVE, 1, 1),
        (EntryKind.REFUND, 1, 1),
        (EntryKind.RESERVE, 2, 1),
        (EntryKind.CHARGE, 2, 1),
    ]


async def test_after_a_breach_the_waves_are_gone_through_again_the_canary_first(
    house: House, engine: Client
) -> None:
    refuse(house, NAMES[0])
    async with house.working(engine):
        task = await house.ended(await in_waves(house, engine))
        assert (task.tally.failed, task.tally.skipped) == (1, 4)
        await tasks.retry(engine, task, None, "once more", "tester")  # it fails once more
        async with asyncio.timeout(30):
            while house.outcomes(task)[NAMES[0]].attempts < 2:
                await asyncio.sleep(0.05)
        again = await house.ended(task, TaskStatus.FAILED)
        assert (again.tally.failed, again.tally.skipped) == (1, 4)
        house.cloud.clear_faults()
        await tasks.retry(engine, task, None, "permission given", "tester")
        ended = await house.ended(task, TaskStatus.SUCCEEDED)
    assert ended.tally.deployed == 5
    outcomes = house.store.tasks.outcomes.list(task.id)
    first = min(each.started_at for each in outcomes if each.started_at)
    assert [each.wave for each in outcomes if each.started_at == first] == [0]
    assert changed(house) == set(NAMES)


async def test_what_the_task_took_back_is_tried_again_and_what_it_left_is_not_touched(
    house: House, engine: Client
) -> None:
    house.cloud.fault("unserved", SET, resource=NAMES[0], count=1)
    async with house.working(engine):
        task = await in_waves(house, engine, on_breach=OnBreach.STOP, canary_budget=1)
        ended = await house.ended(task)
        assert (ended.tally.rolled_back, ended.tally.deployed) == (1, 4)
        await tasks.retry(engine, task, None, "edge repaired", "tester")
        done = await house.ended(task, TaskStatus.SUCCEEDED)
    assert done.tally.deployed == 5
    attempts = {each.wave: each.attempts for each in house.outcomes(task).values()}
    assert attempts == {0: 3, 1: 1, 2: 1}


async def test_a_retry_heeds_freezes(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        now = datetime.now(UTC)
        frozen = Freeze(
            name="close",
            begins=now - timedelta(hours=1),
            ends=now + timedelta(days=1),
            reason="sale",
            scope=Scope(),
        )
        house.store.calendar.freezes.add(frozen)
        await tasks.retry(engine, task, None, "once more", "tester")
        await house.noted(engine, task, "freeze 'close'")
        assert house.outcomes(task)[B].status is OutcomeStatus.PENDING
        house.store.calendar.freezes.delete("close")
        await tasks.reschedule(engine, task, datetime.now(UTC))
        await house.ended(task, TaskStatus.SUCCEEDED)


async def test_after_a_retry_the_whole_task_can_be_taken_back(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        await tasks.retry(engine, task, None, "once more", "tester")
        await house.ended(task, TaskStatus.SUCCEEDED)
        await tasks.rollback(engine, task, None, "old clients", "tester")
        back = await house.settled(engine, task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 3
    assert {house.served(name) for name in (A, B, C)} == set(house.former.values())


async def test_a_closed_task_is_not_tried_again(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await one_failed(house, engine)
        await tasks.delete(house.store, engine, task, "tidy up", "tester")
        await engine.get_workflow_handle(workflow_id(task.id)).result()
        with pytest.raises(BadInput, match="listens no longer"):
            await tasks.retry(engine, task, None, "too late", "tester")
