"""The activity that removes former certificates after a task; DeploymentTask runs it."""

from temporalio import activity

from activities.bookkeeping import TaskAt
from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from operations.cleanup import clean_up
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store


class CleanupActivities:
    """Built by worker.py."""

    def __init__(self, store: Store, pool: ConnectorPool, heartbeater: Heartbeater) -> None:
        self._store, self._pool, self._heartbeater = store, pool, heartbeater

    # A cancellation raised at any line could come between a removal and its record.
    @activity.defn(no_thread_cancel_exception=True)
    def clean_up(self, task: TaskAt) -> int:
        """Removes former certificates from the stores of the task's accounts; returns how many."""
        with as_application_errors(), self._heartbeater.running():
            return clean_up(self._store, self._pool, task.task_id, task.at, _is_stopping)


def _is_stopping() -> bool:
    return activity.is_cancelled() or activity.is_worker_shutdown()
