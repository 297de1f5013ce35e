"""The activity that checks maintenance windows and freezes; DeploymentTask runs it."""

from temporalio import activity

from activities.bookkeeping import TaskAt
from activities.failures import as_application_errors
from domain.calendar.windows import AllowedStart
from operations.deployment.start_time import postpone_if_closed
from storage.store import Store


class CalendarActivities:
    """Built by worker.py."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @activity.defn
    def find_start(self, task: TaskAt) -> AllowedStart:
        """The allowed start, from `task.at` on; a later one becomes the time of the task."""
        with as_application_errors():
            return postpone_if_closed(self._store, task.task_id, task.at)
