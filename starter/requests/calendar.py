"""When a task that someone asks for may begin, by maintenance windows and freezes."""

from datetime import datetime

from activities.calendar import MOVED, OVERRIDDEN
from domain.calendar import next_opening as rules
from domain.calendar.windows import Opening
from domain.plans.plan import Plan
from storage.store import Store

IGNORED = "windows ignored"


def opening(store: Store, plan: Plan, at: datetime, now: datetime) -> Opening:
    """The asked time if all that the plan touches is open then, else the next one, and why.

    `BadInput` if its windows have no hour in common.
    """
    calendar = store.calendar.all()
    if calendar.is_empty:
        return Opening(at=at)
    places = store.calendar.places_of_plan(plan, calendar)

    def expires() -> datetime | None:
        return store.calendar.expiry_in_plan(plan, now)

    return rules.opening(at, now, calendar, places, expires, store.calendar.margin)


def tell(
    store: Store,
    task_id: str,
    found: Opening,
    *,
    asked: datetime,
    ignored: str | None,
    by: str,
    now: datetime,
) -> None:
    """Adds to a task's audit why its time is not the asked one, or heeds no window."""
    if ignored is not None:
        store.tasks.event(task_id, IGNORED, by, ignored, now)
    elif found.at != asked:
        store.tasks.event(task_id, MOVED, by, found.moved, now)
    elif found.overridden:
        store.tasks.event(task_id, OVERRIDDEN, by, found.why, now)
