"""Gives a waiting task another time, within its maintenance windows. Called by the CLI."""

from datetime import datetime

from temporalio.client import Client

from domain.calendar.windows import AllowedStart
from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from operations.deployment.start_time import find_task_start
from starter.requests import calendar, tasks
from starter.requests.task_draft import check_time
from storage.store import Store


async def reschedule(
    store: Store,
    client: Client,
    record: TaskRecord,
    at: datetime,
    *,
    now: datetime,
    by: str,
    ignore_windows: str | None = None,
) -> AllowedStart:
    """Reschedules to `at`, or to the next maintenance window after it; returns which and why.

    `ignore_windows` is the reason why the task ignores windows and freezes from now on. BadInput if
    the task no longer waits, or its windows have no hour in common.
    """
    check_time(at)
    former = record.windows_ignored
    updated = record.model_copy(update={"windows_ignored": ignore_windows or former})
    found = find_task_start(store, updated, at, now)
    if ignore_windows is not None:  # before the workflow checks them
        store.tasks.set_windows_ignored(record.id, ignore_windows)
    try:
        await tasks.reschedule(client, record, found.at)
    except BadInput:
        if ignore_windows is not None:
            store.tasks.set_windows_ignored(record.id, former)
        raise
    calendar.record_start_time(
        store, record.id, found, requested_at=at, ignored=ignore_windows, by=by, now=now
    )
    return found
