"""Whether a task may begin, or go on, by windows and freezes: asked anew while it runs."""

from datetime import datetime, timedelta

from temporalio import activity

from activities.bookkeeping import TaskAt
from activities.failures import told_to_the_engine
from domain.calendar.next_opening import opening
from domain.calendar.windows import Opening
from domain.errors import BadInput
from domain.tasks.record import TaskRecord
from storage.store import Store

BY = "certroll"
MOVED, OVERRIDDEN = "moved", "windows overridden"
UNTIL_ASKED_AGAIN = timedelta(days=1)


def opening_of_task(store: Store, record: TaskRecord, at: datetime, now: datetime) -> Opening:
    """When what a task has still to do may be done, from `at` on.

    `BadInput` if the windows have no hour in common.
    """
    calendar = store.calendar.all()
    if record.windows_ignored is not None or calendar.is_empty:
        return Opening(at=at)
    places = store.calendar.places_of_task(record.id, calendar)

    def expires() -> datetime | None:
        return store.calendar.expiry_in_task(record.id, now)

    return opening(at, now, calendar, places, expires, store.calendar.margin)


class Openings:
    """The step before the first change and before each further page of them; by worker.py."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn
    def may_begin(self, task: TaskAt) -> Opening:
        """Open at `at`, else the next opening, to which the task is moved; its audit tells.

        Windows that never meet any more do not fail a task: it asks again a day later.
        """
        with told_to_the_engine():
            record = self._store.tasks.get(task.task_id)
            try:
                found = opening_of_task(self._store, record, task.at, task.at)
            except BadInput as error:
                found = Opening(at=task.at + UNTIL_ASKED_AGAIN, reasons=(str(error),))
            if found.at > task.at:
                self._move(record, found, task.at)
            elif found.overridden:
                self._tell_once(record.id, found, task.at)
            return found

    def _move(self, record: TaskRecord, found: Opening, now: datetime) -> None:
        if record.at != found.at:
            self._store.tasks.event(record.id, MOVED, BY, found.moved, now)
            self._store.tasks.set_time(record.id, found.at)

    def _tell_once(self, task_id: str, found: Opening, now: datetime) -> None:
        """Pages are many, and why they are not held up is the same for each."""
        known = {(event.kind, event.text) for event in self._store.tasks.events(task_id)}
        if (OVERRIDDEN, found.why) not in known:
            self._store.tasks.event(task_id, OVERRIDDEN, BY, found.why, now)
