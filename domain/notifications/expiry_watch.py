"""How near an expiry is, told once each time it comes nearer; and what the watch's run tells. Pure.

A certificate of 47 days is not renewed a month ahead, so that the first word comes with the last
third of its life.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from domain.cause import Cause
from domain.certificates.expiry import Served
from domain.model import Value

WORKFLOW_TYPE, WORKFLOW_ID = "ExpiryWatch", "expiry-watch"
LONGEST = timedelta(days=30)
WEEK, LAST = timedelta(days=7), timedelta(days=2)
LATE = timedelta(days=1)
"""For so long a change whose time has come may wait, once only the last days are left."""


class Nearness(StrEnum):
    """`month` is the last third of its life, at most 30 days; `days` are the last two."""

    MONTH = "month"
    WEEK = "week"
    DAYS = "days"
    EXPIRED = "expired"


class ToldContact(Value):
    """Of how many things of each class of events a contact was told; `error`: why not of all."""

    contact: str
    told: dict[str, int] = Field(default_factory=dict)
    error: Cause | None = None


def nearness(not_after: datetime, life: timedelta | None, now: datetime) -> Nearness | None:
    """How near it is; None while there is time. `life` is None where it is not known."""
    left = not_after - now
    first = LONGEST if life is None else min(LONGEST, life / 3)
    if left <= timedelta():
        return Nearness.EXPIRED
    if left <= min(LAST, first):
        return Nearness.DAYS
    if left <= min(WEEK, first):
        return Nearness.WEEK
    return Nearness.MONTH if left <= first else None


def subject(served: Served, near: Nearness) -> str:
    """What is remembered of having told it: another certificate, or a nearer expiry, is another."""
    which = served.fingerprint or f"{served.name} until {served.not_after:%Y-%m-%dT%H:%M}"
    return f"{which}/{near}"
