"""Syncs on schedule: one Temporal Schedule per account, made, kept right and removed by workers."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from zlib import crc32

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleListActionStartWorkflow,
    ScheduleListDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from domain.resources.inventory_sync import SCHEDULED_TYPE, SyncInput, workflow_id
from domain.tasks.messages import TASK_QUEUE
from starter.temporal import verify_schedule, watch_schedule
from storage.settings import Settings
from storage.store import Store
from workflows.inventory_sync import InventorySyncOnSchedule

log = structlog.get_logger()

SECONDS_BETWEEN_LOOKS = 180.0
JITTER = 0.1
"""Of the time between two syncs: all accounts at once would be a burst."""


async def keep(client: Client, store: Store, settings: Settings) -> None:
    """Looks again and again whether accounts were added or deleted; ends when cancelled."""
    while True:
        try:
            await ensure(client, store, settings)
            await watch_schedule.ensure(client, settings)
            await verify_schedule.ensure(client, settings)
        except Exception:
            # Whatever it is, the database or the server, may be there again at the next look.
            log.exception("the schedules of syncs could not be looked after")
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


async def ensure(client: Client, store: Store, settings: Settings) -> None:
    """A schedule for each account in storage, as the settings say, and no other one of ours."""
    accounts = {account.name for account in await asyncio.to_thread(store.accounts.list)}
    wanted = {workflow_id(name): name for name in accounts} if settings.sync_every else {}
    there = {
        listed.id: listed async for listed in await client.list_schedules() if _is_ours(listed)
    }
    for schedule_id in there.keys() - wanted.keys():
        await client.get_schedule_handle(schedule_id).delete()
    for schedule_id, account in wanted.items():
        made = schedule(account, settings.sync_every or timedelta())
        if schedule_id not in there:
            await _create(client, schedule_id, made)
        elif _every(there[schedule_id]) != settings.sync_every:
            await client.get_schedule_handle(schedule_id).update(_changed(made))


def schedule(account: str, every: timedelta) -> Schedule:
    """Every so often, each account at another time, and never two at once."""
    offset = timedelta(seconds=crc32(account.encode()) % int(every.total_seconds()))
    return Schedule(
        action=ScheduleActionStartWorkflow(
            InventorySyncOnSchedule.run,
            SyncInput(account=account),
            id=workflow_id(account),  # the server adds the time
            task_queue=TASK_QUEUE,
            static_summary=f"inventory of {account}",
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every, offset=offset)],
            jitter=every * JITTER,
        ),
        # Of the times that were missed while the server was down only the last one is made up for.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )


async def _create(client: Client, schedule_id: str, made: Schedule) -> None:
    try:
        await client.create_schedule(schedule_id, made)
    except ScheduleAlreadyRunningError:
        log.info("another worker was quicker", schedule=schedule_id)


def _changed(made: Schedule) -> Callable[[ScheduleUpdateInput], ScheduleUpdate]:
    """The new one, paused where somebody has paused the former one."""

    def change(former: ScheduleUpdateInput) -> ScheduleUpdate:
        made.state = former.description.schedule.state
        return ScheduleUpdate(made)

    return change


def _is_ours(listed: ScheduleListDescription) -> bool:
    """By what it starts: a schedule of somebody else may be called alike."""
    action = listed.schedule.action if listed.schedule else None
    return isinstance(action, ScheduleListActionStartWorkflow) and action.workflow == SCHEDULED_TYPE


def _every(listed: ScheduleListDescription) -> timedelta | None:
    intervals = listed.schedule.spec.intervals if listed.schedule else ()
    return intervals[0].every if len(intervals) == 1 else None
