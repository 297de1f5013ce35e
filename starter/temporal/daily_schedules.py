"""Temporal Schedules of which there is one each: made, changed and removed as settings say."""

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

from domain.tasks.messages import TASK_QUEUE

log = structlog.get_logger()


def regular(
    run: Callable[..., Any], workflow_id: str, every: timedelta, *, at: timedelta, summary: str
) -> Schedule:
    """Every so often, never two at once; of missed times only the last one is made up for.

    `at` is the time of the day (UTC) to which its times are aligned.
    """
    return Schedule(
        action=ScheduleActionStartWorkflow(
            run,
            id=workflow_id,  # the server adds the time
            task_queue=TASK_QUEUE,
            static_summary=summary,
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=at % every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )


async def ensure(client: Client, schedule_id: str, wanted: Schedule | None) -> None:
    """Brings the server's one to what is wanted; None: there is to be none."""
    handle = client.get_schedule_handle(schedule_id)
    try:
        there = (await handle.describe()).schedule
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        there = None
    if wanted is None:
        if there is not None:
            await handle.delete()
    elif there is None:
        await _create(client, schedule_id, wanted)
    elif _times(there) != _times(wanted):
        await handle.update(lambda former: _changed(wanted, former))


def _times(schedule: Schedule) -> list[object]:
    return [each.every for each in schedule.spec.intervals]


async def _create(client: Client, schedule_id: str, made: Schedule) -> None:
    try:
        await client.create_schedule(schedule_id, made)
    except ScheduleAlreadyRunningError:
        log.info("another worker was quicker", schedule=schedule_id)


def _changed(made: Schedule, former: ScheduleUpdateInput) -> ScheduleUpdate:
    """The new one, paused where somebody has paused the former one."""
    made.state = former.description.schedule.state
    return ScheduleUpdate(made)
