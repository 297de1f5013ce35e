"""Finds when a new task may start, by maintenance windows and freezes.

Called by task_draft.py, reschedule.py and the CLI.
"""

from datetime import datetime

from domain.calendar import allowed_start as rules
from domain.calendar.windows import AllowedStart
from domain.plans.plan import Plan
from domain.tasks.audit import TaskEventCode
from storage.store import Store


def find_allowed_start(store: Store, plan: Plan, at: datetime, now: datetime) -> AllowedStart:
    """`at` if windows and freezes allow all changes of the plan then, else the next time, and why.

    BadInput if the windows of its resources have no hour in common.
    """
    calendar = store.calendar.get()
    if calendar.is_empty:
        return AllowedStart(at=at)
    resources = store.calendar.list_plan_targets(plan, calendar)

    def expires() -> datetime | None:
        return store.calendar.find_plan_expiry(plan, now)

    return rules.find_allowed_start(at, now, calendar, resources, expires, store.calendar.margin)


def record_start_time(
    store: Store,
    task_id: str,
    found: AllowedStart,
    *,
    requested_at: datetime,
    ignored: str | None,
    by: str,
    now: datetime,
) -> None:
    """Records in the audit log why a task starts at another time, or ignores windows."""
    if ignored is not None:
        store.tasks.add_event(task_id, TaskEventCode.WINDOWS_IGNORED, by, ignored, now)
    elif found.at != requested_at:
        store.tasks.add_event(task_id, TaskEventCode.POSTPONED, by, found.move_text, now)
    elif found.overridden:
        store.tasks.add_event(
            task_id, TaskEventCode.WINDOWS_OVERRIDDEN, by, found.reasons_text, now
        )
