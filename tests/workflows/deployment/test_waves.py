"""Waves run one after the other, with bake time, reverification and gate between them."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.errors import BadInput
from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size
from domain.rollout.stage import Stage
from domain.tasks.messages import build_workflow_id
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.waves import NAMES, SET, create_in_waves, list_changed, wait_until

GATE, BAKE = "`proceed` after", "the bake time"
FIRST, LAST = NAMES[0], NAMES[4]


def add_failure(stack: Stack, name: str, **more: object) -> None:
    stack.cloud.add_fault("error", SET, resource=name, code="IllegalOperation", status=403, **more)


def list_audit(stack: Stack, task_id: str) -> list[tuple[str, str]]:
    return [(event.code, event.by) for event in stack.store.tasks.list_events(task_id)]


async def test_waves_go_one_after_the_other(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await create_in_waves(stack, engine))
    assert (task.status, task.tally.deployed) == (TaskStatus.SUCCEEDED, 5)
    outcomes = stack.store.tasks.outcomes.list(task.id)
    assert [each.wave for each in outcomes].count(0) == 1
    for one in outcomes:
        for other in outcomes:
            if one.wave < other.wave:
                assert one.ended_at is not None
                assert other.started_at is not None
                assert one.ended_at <= other.started_at


async def test_a_wave_bakes_as_long_as_its_policy_says(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    async with stack.run_worker(client):
        task = await create_in_waves(stack, client, bake_seconds=3600)
        await client.get_workflow_handle(build_workflow_id(task.id)).result()
    ends = {each.wave: each.ended_at for each in stack.store.tasks.outcomes.list(task.id)}
    record = stack.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.ended_at is not None
    assert record.started_at is not None
    assert record.ended_at - record.started_at >= timedelta(hours=2)
    assert set(ends) == {0, 1, 2}


async def test_at_a_gate_it_waits_for_proceed_and_records_who_sent_it(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine, gate=True)
        progress = await wait_until(engine, task, GATE)
        assert (progress.wave, progress.waves, progress.stage) == (1, 3, Stage.GATE)
        assert {"proceed", "stop", "cancel", "rollback"} <= set(progress.can)
        assert list_changed(stack) == {FIRST}
        assert await tasks.proceed(engine, task, "looks well", "on call") == 2
        while (progress := await wait_until(engine, task, GATE)).wave == 1:
            pass
        assert len(list_changed(stack)) == 3
        assert await tasks.proceed(engine, task, "still well", "on call") == 3
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
        with pytest.raises(BadInput) as refused:
            await tasks.proceed(engine, task, "again", "on call")
        assert refused.value.code == "not-at-a-gate"
    recorded = [
        (e.by, e.text) for e in stack.store.tasks.list_events(task.id) if e.code == "proceed"
    ]
    assert recorded == [("on call", "looks well"), ("on call", "still well")]


async def test_while_it_bakes_proceed_is_refused_with_the_time(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine, gate=True, bake_seconds=600)
        progress = await wait_until(engine, task, BAKE)
        assert progress.until is not None
        with pytest.raises(BadInput) as refused:
            await tasks.proceed(engine, task, "now", "on call")
        assert refused.value.code == "not-at-a-gate"
        assert f"{progress.until:%Y-%m-%d %H:%M}" in refused.value.what
        await tasks.stop(engine, task, "not today", "on call")
        ended = await stack.wait_ended(task)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.PARTIALLY_FAILED, 4)
    assert stack.store.quota.get_balance() == 4
    cause = stack.list_outcomes(task)[LAST].cause
    assert cause is not None
    assert cause.code == "stopped"
    assert {"on call", "not today"} <= set(re.split(" stopped the task: ", cause.message))


@pytest.mark.parametrize("where", [GATE, BAKE])
async def test_in_every_pause_it_can_be_cancelled(stack: Stack, engine: Client, where: str) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(
            stack, engine, gate=True, bake_seconds=600 if where == BAKE else 0
        )
        await wait_until(engine, task, where)
        record = stack.store.tasks.get(task.id)
        await tasks.cancel(engine, record, "enough", "tester")
        ended = await stack.wait_ended(task)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.CANCELLED, 4)
    assert list_changed(stack) == {FIRST}


@pytest.mark.parametrize("where", [GATE, BAKE])
async def test_in_every_pause_it_can_be_deleted(stack: Stack, engine: Client, where: str) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(
            stack, engine, gate=True, bake_seconds=600 if where == BAKE else 0
        )
        await wait_until(engine, task, where)
        await tasks.delete(stack.store, engine, task, "tidy up", "tester")
        await engine.get_workflow_handle(build_workflow_id(task.id)).result()
    record = stack.store.tasks.get(task.id)
    assert record.deleted_at is not None
    assert record.tally.skipped == 4


@pytest.mark.parametrize("where", [GATE, BAKE])
async def test_in_every_pause_the_whole_task_goes_back(
    stack: Stack, engine: Client, where: str
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(
            stack, engine, gate=True, bake_seconds=600 if where == BAKE else 0
        )
        await wait_until(engine, task, where)
        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        back = await stack.wait_settled(engine, task, TaskStatus.ROLLED_BACK)
    assert (back.tally.rolled_back, back.tally.skipped) == (1, 4)
    assert list_changed(stack) == set()


async def test_at_a_gate_one_resource_goes_back_and_the_task_waits_on(
    stack: Stack, engine: Client
) -> None:
    ids = [f"{ACCOUNT}/{SERVICE}/{name}" for name in (FIRST, LAST)]
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine, gate=True)
        await wait_until(engine, task, GATE)
        await tasks.rollback(engine, task, ids, "old clients", "tester")
        async with asyncio.timeout(20):
            while stack.list_outcomes(task)[FIRST].status is not OutcomeStatus.ROLLED_BACK:
                await asyncio.sleep(0.05)
        for _ in range(2):
            await wait_until(engine, task, GATE)
            await tasks.proceed(engine, task, "the others", "tester")
            await asyncio.sleep(1)
        ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert (ended.tally.rolled_back, ended.tally.skipped, ended.tally.deployed) == (1, 1, 3)
    assert list_changed(stack) == set(NAMES) - {FIRST, LAST}


async def test_between_waves_another_time_moves_the_next_one(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client, later = skipping_engine.client, datetime.now(UTC) + timedelta(days=2)
    async with stack.run_worker(client):
        task = await create_in_waves(stack, client, bake_seconds=60)
        # The server skips time only while no request is under way.
        handle = client.get_workflow_handle(build_workflow_id(task.id))
        moved = False
        while not moved:
            try:
                await tasks.reschedule(client, task, later)
                moved = stack.store.tasks.get(task.id).tally.deployed >= 1
            except BadInput:
                await asyncio.sleep(0.02)
        await handle.result()
    record = stack.store.tasks.get(task.id)
    assert record.status is TaskStatus.SUCCEEDED
    assert record.ended_at is not None
    assert record.ended_at >= later


async def test_a_failed_canary_stops_the_task_and_what_is_skipped_says_why(
    stack: Stack, engine: Client
) -> None:
    add_failure(stack, FIRST)
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine)
        ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.FAILED
    assert (ended.tally.failed, ended.tally.skipped) == (1, 4)
    cause = stack.list_outcomes(task)[LAST].cause
    assert cause is not None
    assert cause.code == "too-many-failures"
    assert ("budget-exceeded", "certroll") in list_audit(stack, task.id)
    assert list_changed(stack) == set()
    assert stack.store.quota.get_balance() == 5


@pytest.mark.parametrize(
    ("way", "left"),
    [
        (OnBudgetExceeded.STOP, 2),
        (OnBudgetExceeded.ROLL_BACK_WAVE, 1),
        (OnBudgetExceeded.ROLL_BACK_ALL, 0),
    ],
)
async def test_an_exceeded_budget_in_a_later_wave_rolls_back_what_the_policy_says(
    stack: Stack, engine: Client, way: OnBudgetExceeded, left: int
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(
            stack, engine, budget=Size(count=0), on_budget_exceeded=way, gate=True
        )
        await wait_until(engine, task, GATE)
        second = [o.change.resource.key for o in stack.list_outcomes(task).values() if o.wave == 1]
        add_failure(stack, second[1])
        await tasks.proceed(engine, task, "go", "tester")
        ended = await stack.wait_ended(task)
        if way is OnBudgetExceeded.STOP:
            assert ended.status is TaskStatus.PARTIALLY_FAILED
        else:
            expected = TaskStatus.PARTIALLY_ROLLED_BACK if left else TaskStatus.ROLLED_BACK
            assert ended.status is expected
            cause = stack.list_outcomes(task)[second[0]].cause
            assert cause is not None
            assert (cause.code, cause.rolled_back) == ("rolled-back-with-wave", True)
            assert ("rollback", "certroll") in list_audit(stack, task.id)
    assert len(list_changed(stack)) == left
    assert ended.tally.skipped == 2


async def test_once_too_much_has_failed_nothing_more_of_the_wave_is_begun(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(*NAMES)
    stack.grant_quota(5)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    add_failure(stack, "*")
    async with stack.run_worker(engine):
        policy = RolloutPolicy(budget=Size(count=1))
        task = await stack.create_task(engine, plan, concurrency=1, rollout=policy)
        ended = await stack.wait_ended(task)
    assert (ended.tally.failed, ended.tally.skipped) == (2, 3)
    assert ended.status is TaskStatus.FAILED


async def test_a_certificate_that_cannot_be_installed_counts_as_failed(
    stack: Stack, engine: Client
) -> None:
    stack.cloud.add_fault("error", "UploadUserCertificate", code="Forbidden.RAM", status=403)
    async with stack.run_worker(engine):
        ended = await stack.wait_ended(await create_in_waves(stack, engine))
    assert ended.tally.failed == 5
    assert ("budget-exceeded", "certroll") in list_audit(stack, ended.id)


async def test_what_is_gone_at_the_reverification_is_a_failure_and_stops_the_task(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine, bake_seconds=3)
        await wait_until(engine, task, BAKE)
        stack.rebind(FIRST, other := stack.ca.leaf([FIRST]))
        ended = await stack.wait_ended(task)
    assert ended.tally.skipped == 4
    assert ended.status is not TaskStatus.SUCCEEDED
    assert stack.get_served(FIRST) == other.fingerprint, "what someone else put there stays"
