"""How near an expiry is, and what a run of the expiry watch reports; its activities call it.

A contact hears of each step once. A certificate that lives 47 days is not renewed a month ahead, so
the first step begins with the last third of its life.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from domain.cause import Cause
from domain.certificates.expiry import ServedCertificate
from domain.model import Value

WORKFLOW_TYPE, WORKFLOW_ID = "ExpiryWatch", "expiry-watch"
MAX_NOTICE = timedelta(days=30)
WEEK, LAST_DAYS = timedelta(days=7), timedelta(days=2)
MAX_DELAY = timedelta(days=1)
"""How long a change may be overdue, in the last days, before its task counts as too late."""


class Nearness(StrEnum):
    """`month` is the last third of the life, at most 30 days; `days` are the last two."""

    MONTH = "month"
    WEEK = "week"
    DAYS = "days"
    EXPIRED = "expired"


class ContactReport(Value):
    """How many subjects of each event class were sent to a contact; `error` if not all were."""

    contact: str
    sent: dict[str, int] = Field(default_factory=dict)
    error: Cause | None = None


def classify_nearness(
    not_after: datetime, lifetime: timedelta | None, now: datetime
) -> Nearness | None:
    """The step that an expiry has reached; None if it is not near. `lifetime` may be unknown."""
    left = not_after - now
    notice = MAX_NOTICE if lifetime is None else min(MAX_NOTICE, lifetime / 3)
    if left <= timedelta():
        return Nearness.EXPIRED
    if left <= min(LAST_DAYS, notice):
        return Nearness.DAYS
    if left <= min(WEEK, notice):
        return Nearness.WEEK
    return Nearness.MONTH if left <= notice else None


def build_subject(served: ServedCertificate, nearness: Nearness) -> str:
    """The key under which storage remembers a sent message: one per certificate and step."""
    which = served.fingerprint or f"{served.name} until {served.not_after:%Y-%m-%dT%H:%M}"
    return f"{which}/{nearness}"
