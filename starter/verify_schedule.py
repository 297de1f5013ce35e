"""The daily look at all that was deployed: one Temporal Schedule, which workers keep right."""

from datetime import timedelta

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from domain.task import TASK_QUEUE
from starter import lone_schedules
from storage.settings import Settings
from workflows.reverification import WORKFLOW_ID, Reverification

HOUR_OF_DAY = timedelta(hours=5)
"""UTC: before the watch that tells contacts what was found."""


async def ensure(client: Client, settings: Settings) -> None:
    """Makes, changes or removes the schedule, as the settings say."""
    every = settings.verify_every
    await lone_schedules.ensure(client, WORKFLOW_ID, None if every is None else schedule(every))


def schedule(every: timedelta) -> Schedule:
    """Every so often, never two at once; of missed times only the last one is made up for."""
    return Schedule(
        action=ScheduleActionStartWorkflow(
            Reverification.run,
            id=WORKFLOW_ID,  # the server adds the time
            task_queue=TASK_QUEUE,
            static_summary="whether what was deployed is still served",
        ),
        spec=ScheduleSpec(
            intervals=[ScheduleIntervalSpec(every=every, offset=HOUR_OF_DAY % every)]
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=every),
    )
