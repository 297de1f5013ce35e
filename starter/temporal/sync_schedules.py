"""Keeps all Temporal Schedules as the settings say: one sync per account, and the daily ones.

Each worker runs `maintain`.
"""

import asyncio
from datetime import timedelta
from zlib import crc32

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleListActionStartWorkflow,
    ScheduleListDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from domain.resources.inventory_sync import SCHEDULED_TYPE, SyncInput, workflow_id
from domain.tasks.messages import TASK_QUEUE
from starter.temporal.daily_schedules import (
    create_schedule,
    ensure_expiry_watch,
    ensure_reverification,
    replace_schedule,
)
from storage.settings import Settings
from storage.store import Store
from workflows.inventory_sync import InventorySyncOnSchedule
from workflows.policies import SECONDS_BETWEEN_SCHEDULE_CHECKS, SYNC_JITTER

log = structlog.get_logger()


async def keep_schedules_current(client: Client, store: Store, settings: Settings) -> None:
    """Updates all schedules every few minutes, since accounts come and go; ends when cancelled."""
    while True:
        try:
            await write_sync_schedules(client, store, settings)
            await ensure_expiry_watch(client, settings)
            await ensure_reverification(client, settings)
        except Exception:
            # The database or the server may be back at the next check.
            log.exception("the schedules could not be updated")
        await asyncio.sleep(SECONDS_BETWEEN_SCHEDULE_CHECKS)


async def write_sync_schedules(client: Client, store: Store, settings: Settings) -> None:
    """Makes one schedule for each account in storage, and deletes our other ones."""
    accounts = {account.name for account in await asyncio.to_thread(store.accounts.list)}
    wanted = {workflow_id(name): name for name in accounts} if settings.sync_every else {}
    existing = {
        listed.id: listed async for listed in await client.list_schedules() if _is_ours(listed)
    }
    for schedule_id in existing.keys() - wanted.keys():
        await client.get_schedule_handle(schedule_id).delete()
    for schedule_id, account in wanted.items():
        schedule = build_schedule(account, settings.sync_every or timedelta())
        if schedule_id not in existing:
            await create_schedule(client, schedule_id, schedule)
        elif _get_interval(existing[schedule_id]) != settings.sync_every:
            await replace_schedule(client, schedule_id, schedule)


def build_schedule(account: str, every: timedelta) -> Schedule:
    """A schedule without overlapping runs; accounts start at different times."""
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
            jitter=every * SYNC_JITTER,
        ),
        # Of the times missed while the server was down only the last one is made up for.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )


def _is_ours(listed: ScheduleListDescription) -> bool:
    """By the workflow it starts: somebody else's schedule may have a similar id."""
    action = listed.schedule.action if listed.schedule else None
    return isinstance(action, ScheduleListActionStartWorkflow) and action.workflow == SCHEDULED_TYPE


def _get_interval(listed: ScheduleListDescription) -> timedelta | None:
    intervals = listed.schedule.spec.intervals if listed.schedule else ()
    return intervals[0].every if len(intervals) == 1 else None
