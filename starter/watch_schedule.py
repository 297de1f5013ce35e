"""The watch for expiries on schedule: one Temporal Schedule, which workers keep right."""

from datetime import timedelta

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

from domain.task import TASK_QUEUE
from domain.watch import WORKFLOW_ID
from storage.settings import Settings
from workflows.expiry_watch import ExpiryWatch

log = structlog.get_logger()

HOUR_OF_DAY = timedelta(hours=7)
"""UTC: of the times of a day, one at which somebody can still act on it."""


async def ensure(client: Client, settings: Settings) -> None:
    """Makes, changes or removes the schedule, as the settings say."""
    handle = client.get_schedule_handle(WORKFLOW_ID)
    try:
        there = (await handle.describe()).schedule
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        there = None
    every = settings.expiry_watch
    if every is None:
        if there is not None:
            await handle.delete()
    elif there is None:
        await _create(client, schedule(every))
    elif [each.every for each in there.spec.intervals] != [every]:
        await handle.update(lambda former: _changed(schedule(every), former))


def schedule(every: timedelta) -> Schedule:
    """Every so often, never two at once; of missed times only the last one is made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            ExpiryWatch.run,
            id=WORKFLOW_ID,  # the server adds the time
            task_queue=TASK_QUEUE,
            static_summary="what expires, and nobody has a task for",
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every, offset=HOUR_OF_DAY % every)]
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )


async def _create(client: Client, made: Schedule) -> None:
    try:
        await client.create_schedule(WORKFLOW_ID, made)
    except ScheduleAlreadyRunningError:
        log.info("another worker was quicker", schedule=WORKFLOW_ID)


def _changed(made: Schedule, former: ScheduleUpdateInput) -> ScheduleUpdate:
    """The new one, paused where somebody has paused the former one."""
    made.state = former.description.schedule.state
    return ScheduleUpdate(made)
