"""Finds when the changes of a task may start, by maintenance windows and freezes.

The activity `find_start` calls it before the first change and before each further page of changes;
preflight and `task reschedule` call it, too.
"""

from datetime import datetime, timedelta

from domain.calendar.allowed_start import find_allowed_start
from domain.calendar.windows import AllowedStart, StartReason, StartReasonCode
from domain.errors import BadInput
from domain.tasks.audit import CERTROLL, TaskEventCode
from domain.tasks.record import TaskRecord
from storage.store import Store

RECHECK_AFTER = timedelta(days=1)


def find_task_start(store: Store, record: TaskRecord, at: datetime, now: datetime) -> AllowedStart:
    """When the changes that a task has not made yet may start, from `at` on.

    Raises BadInput if its windows have no hour in common.
    """
    calendar = store.calendar.get()
    if record.windows_ignored is not None or calendar.is_empty:
        return AllowedStart(at=at)
    targets = store.calendar.list_task_targets(record.id, calendar)

    def find_expiry() -> datetime | None:
        return store.calendar.find_task_expiry(record.id, now)

    return find_allowed_start(at, now, calendar, targets, find_expiry, store.calendar.margin)


def postpone_if_closed(store: Store, task_id: str, now: datetime) -> AllowedStart:
    """The start that is allowed; if it is later than now, the task is moved to it.

    The audit log says so. If the windows have no hour in common any more, the task does not fail:
    it is postponed by a day and checks again.
    """
    record = store.tasks.get(task_id)
    try:
        start = find_task_start(store, record, now, now)
    except BadInput as error:
        reason = StartReason(code=StartReasonCode.NO_COMMON_WINDOW, text=str(error))
        start = AllowedStart(at=now + RECHECK_AFTER, reasons=(reason,))
    if start.at > now:
        _postpone(store, record, start, now)
    elif start.overridden:
        _record_override(store, task_id, start.reasons_text, now)
    return start


def _postpone(store: Store, record: TaskRecord, start: AllowedStart, now: datetime) -> None:
    if record.at != start.at:
        store.tasks.add_event(record.id, TaskEventCode.POSTPONED, CERTROLL, start.move_text, now)
        store.tasks.set_time(record.id, start.at)


def _record_override(store: Store, task_id: str, reasons: str, now: datetime) -> None:
    """Records the same reasons once, however many pages of changes are checked."""
    code = TaskEventCode.WINDOWS_OVERRIDDEN
    if (code, reasons) not in {(each.code, each.text) for each in store.tasks.list_events(task_id)}:
        store.tasks.add_event(task_id, code, CERTROLL, reasons, now)
