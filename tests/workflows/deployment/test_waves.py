"""Waves: one after the other, with a pause, a second look and a person's word between them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.errors import BadInput
from domain.rollout.policy import OnBreach, Rollout, Size
from domain.rollout.stage import Stage
from domain.tasks.messages import workflow_id
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import ACCOUNT, SERVICE, House
from tests.workflows.waving import NAMES, SET, changed, in_waves, when

GATE, BAKE = "the word to go on", "the bake time"
FIRST, LAST = NAMES[0], NAMES[4]


def fails(house: House, name: str, **more: object) -> None:
    house.cloud.fault("error", SET, resource=name, code="IllegalOperation", status=403, **more)


def audit(house: House, task_id: str) -> list[tuple[str, str]]:
    return [(event.kind, event.by) for event in house.store.tasks.events(task_id)]


async def test_waves_go_one_after_the_other(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await house.ended(await in_waves(house, engine))
    assert (task.status, task.tally.deployed) == (TaskStatus.SUCCEEDED, 5)
    outcomes = house.store.tasks.outcomes.list(task.id)
    assert [each.wave for each in outcomes].count(0) == 1
    for one in outcomes:
        for other in outcomes:
            if one.wave < other.wave:
                assert one.ended_at is not None
                assert other.started_at is not None
                assert one.ended_at <= other.started_at


async def test_a_wave_bakes_as_long_as_it_is_told_to(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    async with house.working(client):
        task = await in_waves(house, client, bake_seconds=3600)
        await client.get_workflow_handle(workflow_id(task.id)).result()
    ends = {each.wave: each.ended_at for each in house.store.tasks.outcomes.list(task.id)}
    record = house.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.ended_at is not None
    assert record.started_at is not None
    assert record.ended_at - record.started_at >= timedelta(hours=2)
    assert set(ends) == {0, 1, 2}


async def test_at_a_gate_it_waits_for_a_word_and_keeps_who_said_it(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True)
        told = await when(engine, task, GATE)
        assert (told.wave, told.waves, told.stage) == (1, 3, Stage.GATE)
        assert {"proceed", "stop", "cancel", "rollback"} <= set(told.can)
        assert changed(house) == {FIRST}
        assert await tasks.proceed(engine, task, "looks well", "on call") == 2
        while (told := await when(engine, task, GATE)).wave == 1:
            pass
        assert len(changed(house)) == 3
        assert await tasks.proceed(engine, task, "still well", "on call") == 3
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
        with pytest.raises(BadInput, match="does not wait for a word, it is succeeded"):
            await tasks.proceed(engine, task, "again", "on call")
    told_by = [(e.by, e.text) for e in house.store.tasks.events(task.id) if e.kind == "proceed"]
    assert told_by == [("on call", "looks well"), ("on call", "still well")]


async def test_while_it_bakes_a_word_is_refused_with_the_time(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True, bake_seconds=600)
        told = await when(engine, task, BAKE)
        assert told.until is not None
        with pytest.raises(BadInput, match=r"bakes the canary \(wave 1 of 3\) until"):
            await tasks.proceed(engine, task, "now", "on call")
        await tasks.stop(engine, task, "not today", "on call")
        ended = await house.ended(task)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.PARTIALLY_FAILED, 4)
    assert house.store.quota.balance() == 4
    cause = house.outcomes(task)[LAST].cause
    assert cause is not None
    assert (cause.code, cause.message) == ("Stopped", "on call stopped the task: not today")


@pytest.mark.parametrize("where", [GATE, BAKE])
async def test_in_every_pause_it_can_be_cancelled(house: House, engine: Client, where: str) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True, bake_seconds=600 if where == BAKE else 0)
        await when(engine, task, where)
        record = house.store.tasks.get(task.id)
        await tasks.cancel(engine, record, "enough", "tester")
        ended = await house.ended(task)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.CANCELLED, 4)
    assert changed(house) == {FIRST}


@pytest.mark.parametrize("where", [GATE, BAKE])
async def test_in_every_pause_it_can_be_deleted(house: House, engine: Client, where: str) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True, bake_seconds=600 if where == BAKE else 0)
        await when(engine, task, where)
        await tasks.delete(house.store, engine, task, "tidy up", "tester")
        await engine.get_workflow_handle(workflow_id(task.id)).result()
    record = house.store.tasks.get(task.id)
    assert record.deleted_at is not None
    assert record.tally.skipped == 4


@pytest.mark.parametrize("where", [GATE, BAKE])
async def test_in_every_pause_the_whole_task_goes_back(
    house: House, engine: Client, where: str
) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True, bake_seconds=600 if where == BAKE else 0)
        await when(engine, task, where)
        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        back = await house.settled(engine, task, TaskStatus.ROLLED_BACK)
    assert (back.tally.rolled_back, back.tally.skipped) == (1, 4)
    assert changed(house) == set()


async def test_at_a_gate_one_resource_goes_back_and_the_task_waits_on(
    house: House, engine: Client
) -> None:
    ids = [f"{ACCOUNT}/{SERVICE}/{name}" for name in (FIRST, LAST)]
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True)
        await when(engine, task, GATE)
        await tasks.rollback(engine, task, ids, "old clients", "tester")
        await house.noted(engine, task, "waits for")
        async with asyncio.timeout(20):
            while house.outcomes(task)[FIRST].status is not OutcomeStatus.ROLLED_BACK:
                await asyncio.sleep(0.05)
        for _ in range(2):
            await when(engine, task, GATE)
            await tasks.proceed(engine, task, "the others", "tester")
            await asyncio.sleep(1)
        ended = await house.ended(task)
    assert ended.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert (ended.tally.rolled_back, ended.tally.skipped, ended.tally.deployed) == (1, 1, 3)
    assert changed(house) == set(NAMES) - {FIRST, LAST}


async def test_between_waves_another_time_moves_the_next_one(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client, later = skipping_engine.client, datetime.now(UTC) + timedelta(days=2)
    async with house.working(client):
        task = await in_waves(house, client, bake_seconds=60)
        # Time is skipped only while nothing is asked of the engine.
        handle = client.get_workflow_handle(workflow_id(task.id))
        moved = False
        while not moved:
            try:
                await tasks.reschedule(client, task, later)
                moved = house.store.tasks.get(task.id).tally.deployed >= 1
            except BadInput:
                await asyncio.sleep(0.02)
        await handle.result()
    record = house.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.ended_at is not None
    assert record.ended_at >= later


async def test_a_failed_canary_stops_the_task_and_what_is_skipped_says_why(
    house: House, engine: Client
) -> None:
    fails(house, FIRST)
    async with house.working(engine):
        task = await in_waves(house, engine)
        ended = await house.ended(task)
    assert ended.status is TaskStatus.FAILED
    assert (ended.tally.failed, ended.tally.skipped) == (1, 4)
    cause = house.outcomes(task)[LAST].cause
    assert cause is not None
    assert cause.code == "TooManyFailures"
    assert "1 of 1 changes failed in the canary (wave 1 of 3), none is borne" in cause.message
    assert ("breach", "certroll") in audit(house, task.id)
    assert changed(house) == set()
    assert house.store.quota.balance() == 5


@pytest.mark.parametrize(
    ("way", "left"),
    [
        (OnBreach.STOP, 2),
        (OnBreach.ROLL_BACK_WAVE, 1),
        (OnBreach.ROLL_BACK_ALL, 0),
    ],
)
async def test_a_breach_in_a_later_wave_takes_back_what_the_policy_says(
    house: House, engine: Client, way: OnBreach, left: int
) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, budget=Size(count=0), on_breach=way, gate=True)
        await when(engine, task, GATE)
        second = [o.change.resource.key for o in house.outcomes(task).values() if o.wave == 1]
        fails(house, second[1])
        await tasks.proceed(engine, task, "go", "tester")
        ended = await house.ended(task)
        if way is OnBreach.STOP:
            assert ended.status is TaskStatus.PARTIALLY_FAILED
        else:
            expected = TaskStatus.PARTIALLY_ROLLED_BACK if left else TaskStatus.ROLLED_BACK
            assert ended.status is expected
            cause = house.outcomes(task)[second[0]].cause
            assert cause is not None
            assert (cause.code, cause.taken_back) == ("TakenBack", True)
            assert ("rollback", "certroll") in audit(house, task.id)
    assert len(changed(house)) == left
    assert ended.tally.skipped == 2


async def test_once_too_much_has_failed_nothing_more_of_the_wave_is_begun(
    house: House, engine: Client
) -> None:
    house.domains(*NAMES)
    house.grant(5)
    plan = house.plan(house.upload("new", "*.example.com"))
    fails(house, "*")
    async with house.working(engine):
        policy = Rollout(budget=Size(count=1))
        task = await house.create(engine, plan, concurrency=1, rollout=policy)
        ended = await house.ended(task)
    assert (ended.tally.failed, ended.tally.skipped) == (2, 3)
    assert ended.status is TaskStatus.FAILED


async def test_a_certificate_that_cannot_be_installed_counts_as_failed(
    house: House, engine: Client
) -> None:
    house.cloud.fault("error", "UploadUserCertificate", code="Forbidden.RAM", status=403)
    async with house.working(engine):
        ended = await house.ended(await in_waves(house, engine))
    assert ended.tally.failed == 5
    assert ("breach", "certroll") in audit(house, ended.id)


async def test_what_is_gone_at_the_second_look_is_a_failure_and_stops_the_task(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, bake_seconds=3)
        await when(engine, task, BAKE)
        house.rebind(FIRST, other := house.ca.leaf([FIRST]))
        ended = await house.ended(task)
    assert ended.tally.skipped == 4
    assert ended.status is not TaskStatus.SUCCEEDED
    assert house.served(FIRST) == other.fingerprint, "what someone else put there stays"
