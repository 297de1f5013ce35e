"""The watch for expiries on schedule: one Temporal Schedule, which workers keep right."""

from datetime import timedelta

from temporalio.client import Client, Schedule

from domain.notifications.expiry_watch import WORKFLOW_ID
from starter.temporal import daily_schedules
from storage.settings import Settings
from workflows.expiry_watch import ExpiryWatch

HOUR_OF_DAY = timedelta(hours=7)
"""UTC: of the times of a day, one at which somebody can still act on it."""


async def ensure(client: Client, settings: Settings) -> None:
    """Makes, changes or removes the schedule, as the settings say."""
    every = settings.expiry_watch
    await daily_schedules.ensure(client, WORKFLOW_ID, None if every is None else schedule(every))


def schedule(every: timedelta) -> Schedule:
    """Its times, and what it starts."""
    summary = "what expires, and nobody has a task for"
    return daily_schedules.regular(
        ExpiryWatch.run, WORKFLOW_ID, every, at=HOUR_OF_DAY, summary=summary
    )
