"""Sync schedules follow accounts and settings, and leave other schedules alone."""

import asyncio
from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    ScheduleSpec,
)

from domain.resources.inventory_sync import workflow_id
from starter.temporal import sync_schedules
from tests.support.stack import ACCOUNT, Stack
from tests.support.syncs import run_worker

SIX_HOURS, DAY = timedelta(hours=6), timedelta(days=1)
FOREIGN = "inventory-of-somebody"


async def ensure_schedules(stack: Stack, client: Client, every: timedelta | None) -> None:
    settings = stack.settings.model_copy(update={"sync_every": every})
    await sync_schedules.write_sync_schedules(client, stack.store, settings)


async def wait_listed(client: Client, *expected: str) -> None:
    """Returns once the server lists exactly these: it lists a moment later than it knows."""
    async with asyncio.timeout(10):
        while {each.id async for each in await client.list_schedules()} != set(expected):
            await asyncio.sleep(0.05)


async def test_each_account_gets_one_with_jitter_that_never_overlaps(
    stack: Stack, quiet_engine: Client
) -> None:
    await ensure_schedules(stack, quiet_engine, SIX_HOURS)
    await ensure_schedules(stack, quiet_engine, SIX_HOURS)
    await wait_listed(quiet_engine, "inventory-main")
    made = (await quiet_engine.get_schedule_handle("inventory-main").describe()).schedule
    assert [each.every for each in made.spec.intervals] == [SIX_HOURS]
    assert made.spec.jitter == timedelta(minutes=36)
    assert made.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert made.policy.catchup_window == SIX_HOURS


async def test_it_follows_the_settings_and_stays_paused(stack: Stack, quiet_engine: Client) -> None:
    await ensure_schedules(stack, quiet_engine, SIX_HOURS)
    handle = quiet_engine.get_schedule_handle("inventory-main")
    await handle.pause(note="not this week")
    await wait_listed(quiet_engine, "inventory-main")
    await ensure_schedules(stack, quiet_engine, DAY)
    made = (await handle.describe()).schedule
    assert [each.every for each in made.spec.intervals] == [DAY]
    assert made.state.paused
    await ensure_schedules(stack, quiet_engine, None)
    await wait_listed(quiet_engine)


async def test_that_of_a_deleted_account_goes_and_that_of_somebody_else_stays(
    stack: Stack, quiet_engine: Client
) -> None:
    action = ScheduleActionStartWorkflow("Other", id="other", task_queue="other")
    await quiet_engine.create_schedule(FOREIGN, Schedule(action=action, spec=ScheduleSpec()))
    await ensure_schedules(stack, quiet_engine, SIX_HOURS)
    await wait_listed(quiet_engine, FOREIGN, "inventory-main")
    stack.store.accounts.delete(ACCOUNT)
    await ensure_schedules(stack, quiet_engine, SIX_HOURS)
    await wait_listed(quiet_engine, FOREIGN)


async def test_what_it_starts_is_the_sync_that_others_join(
    stack: Stack, quiet_engine: Client
) -> None:
    await ensure_schedules(stack, quiet_engine, SIX_HOURS)
    async with run_worker(stack, quiet_engine):
        await quiet_engine.get_schedule_handle("inventory-main").trigger()
        handle = quiet_engine.get_workflow_handle(workflow_id(ACCOUNT))
        async with asyncio.timeout(60):
            while not [
                run async for run in quiet_engine.list_workflows(f"WorkflowId='{handle.id}'")
            ]:
                await asyncio.sleep(0.05)
            assert await handle.result()
    assert len(stack.store.syncs.list(ACCOUNT)) > 10
