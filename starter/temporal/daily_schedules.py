"""The Temporal Schedules of the expiry watch and of the daily verification.

sync_schedules.py makes, changes and deletes them as the settings say.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.notifications import expiry_watch
from domain.tasks.messages import TASK_QUEUE
from storage.settings import Settings
from workflows import reverification
from workflows.expiry_watch import ExpiryWatch
from workflows.policies import EXPIRY_WATCH_TIME, REVERIFICATION_TIME
from workflows.reverification import Reverification

log = structlog.get_logger()


async def ensure_expiry_watch(client: Client, settings: Settings) -> None:
    """Makes, changes or deletes the schedule that notifies contacts of expiring certificates."""
    await _ensure(
        client,
        expiry_watch.WORKFLOW_ID,
        ExpiryWatch.run,
        settings.expiry_watch,
        time_of_day=EXPIRY_WATCH_TIME,
        summary="certificates that expire without a task",
    )


async def ensure_reverification(client: Client, settings: Settings) -> None:
    """Makes, changes or deletes the schedule that verifies all deployed resources."""
    await _ensure(
        client,
        reverification.WORKFLOW_ID,
        Reverification.run,
        settings.verify_every,
        time_of_day=REVERIFICATION_TIME,
        summary="verify all deployed resources",
    )


async def create_schedule(client: Client, schedule_id: str, schedule: Schedule) -> None:
    """Creates the schedule unless another worker has done so."""
    try:
        await client.create_schedule(schedule_id, schedule)
    except ScheduleAlreadyRunningError:
        log.info("another worker has created the schedule", schedule=schedule_id)


async def replace_schedule(client: Client, schedule_id: str, schedule: Schedule) -> None:
    """Replaces the schedule; one that somebody has paused stays paused."""

    def update(former: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule.state = former.description.schedule.state
        return ScheduleUpdate(schedule)

    await client.get_schedule_handle(schedule_id).update(update)


async def _ensure(
    client: Client,
    workflow_id: str,
    run: Callable[..., Any],
    every: timedelta | None,
    *,
    time_of_day: timedelta,
    summary: str,
) -> None:
    """The schedule has the id of its workflow. It deletes the schedule if `every` is None."""
    former = await _find(client, workflow_id)
    if every is None:
        if former is not None:
            await client.get_schedule_handle(workflow_id).delete()
        return
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            run,
            id=workflow_id,  # the server adds the time
            task_queue=TASK_QUEUE,
            static_summary=summary,
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every, offset=time_of_day % every)]
        ),
        # Runs never overlap; of missed times only the last one is made up for.
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )
    if former is None:
        await create_schedule(client, workflow_id, schedule)
    elif [each.every for each in former.spec.intervals] != [every]:
        await replace_schedule(client, workflow_id, schedule)


async def _find(client: Client, schedule_id: str) -> Schedule | None:
    try:
        return (await client.get_schedule_handle(schedule_id).describe()).schedule
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
