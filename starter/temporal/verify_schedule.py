"""The daily look at all that was deployed: one Temporal Schedule, which workers keep right."""

from datetime import timedelta

from temporalio.client import Client, Schedule

from starter.temporal import daily_schedules
from storage.settings import Settings
from workflows.reverification import WORKFLOW_ID, Reverification

HOUR_OF_DAY = timedelta(hours=5)
"""UTC: before the watch that tells contacts what was found."""


async def ensure(client: Client, settings: Settings) -> None:
    """Makes, changes or removes the schedule, as the settings say."""
    every = settings.verify_every
    await daily_schedules.ensure(client, WORKFLOW_ID, None if every is None else schedule(every))


def schedule(every: timedelta) -> Schedule:
    """Its times, and what it starts."""
    summary = "whether what was deployed is still served"
    return daily_schedules.regular(
        Reverification.run, WORKFLOW_ID, every, at=HOUR_OF_DAY, summary=summary
    )
