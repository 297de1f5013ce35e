"""Another time for a task that waits, within its maintenance windows."""

from datetime import datetime

from temporalio.client import Client

from activities.calendar import opening_of_task
from domain.calendar.windows import Opening
from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from starter.requests import calendar, tasks
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
) -> Opening:
    """Asks for `at`, or for the next opening after it, and says which and why.

    `ignore_windows` is the reason why the task shall heed neither windows nor freezes from now on.
    `BadInput` if the task waits no longer, or its windows have no hour in common.
    """
    former = record.windows_ignored
    heeding = record.model_copy(update={"windows_ignored": ignore_windows or former})
    found = opening_of_task(store, heeding, at, now)
    if ignore_windows is not None:  # before the task looks
        store.tasks.ignore_windows(record.id, ignore_windows)
    try:
        await tasks.reschedule(client, record, found.at)
    except BadInput:
        if ignore_windows is not None:
            store.tasks.ignore_windows(record.id, former)
        raise
    calendar.tell(store, record.id, found, asked=at, ignored=ignore_windows, by=by, now=now)
    return found
