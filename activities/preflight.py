"""The activity that runs preflight for a task; DeploymentTask runs it before it installs."""

from temporalio import activity

from activities.bookkeeping import TaskAt
from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from operations.preflight.task_preflight import PreflightSummary, run_preflight
from operations.runtime.connector_pool import ConnectorPool
from storage.settings import Settings
from storage.store import Store


class PreflightActivities:
    """Built by worker.py."""

    def __init__(
        self, store: Store, pool: ConnectorPool, heartbeater: Heartbeater, settings: Settings
    ) -> None:
        self._store, self._pool, self._heartbeater = store, pool, heartbeater
        self._settings = settings

    @activity.defn
    def run_preflight(self, task: TaskAt) -> PreflightSummary:
        """Fails each pending change that a check refuses."""
        with as_application_errors(), self._heartbeater.running():
            return run_preflight(self._store, self._pool, self._settings, task.task_id, task.at)
