"""The step after a task that takes former certificates out of the providers' stores."""

from collections.abc import Sequence

from temporalio import activity

from activities.bookkeeping import TaskAt
from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from domain.errors import CloudError
from domain.resources.retention import Verdict
from operations.cleanup import asked, by_store, described, survey, take_out
from operations.runtime.connector_pool import Clouds
from storage.store import Store

KIND, BY = "cleanup", "certroll"


class Cleanup:
    """The step after a task; built by worker.py with what it needs."""

    def __init__(self, store: Store, clouds: Clouds, heart: Heart) -> None:
        self._store, self._clouds, self._heart = store, clouds, heart

    # An exception out of nowhere could come between a removal and its record.
    @activity.defn(no_thread_cancel_exception=True)
    def clean_up(self, task: TaskAt) -> int:
        """Removes what may go from the stores of the task's accounts; how many did.

        What a store refuses is told in the task's audit, and the rest of that store is left alone.
        """
        keep = self._store.keep_certificates
        if keep is None:
            return 0
        with told_to_the_engine(), self._heart.beating():
            accounts = self._store.usage.accounts(task.task_id)
            verdicts = survey(self._store, accounts, keep, task.at)
            return sum(self._empty(task, each) for each in by_store(verdicts))

    def _empty(self, task: TaskAt, verdicts: Sequence[Verdict]) -> int:
        removed = 0
        for verdict in verdicts:
            if activity.in_activity() and (
                activity.is_cancelled() or activity.is_worker_shutdown()
            ):
                break
            try:
                removed += self._remove(task, verdict)
            except CloudError as error:
                self._tell(task, f"{described(verdict.held)} could not be removed: {error}")
                break
        return removed

    def _remove(self, task: TaskAt, verdict: Verdict) -> bool:
        held = verdict.held
        if asked(self._clouds, verdict).stays or take_out(self._store, self._clouds, held):
            return False
        self._tell(task, f"{described(held)} is removed, nothing needs it any more")
        return True

    def _tell(self, task: TaskAt, text: str) -> None:
        self._store.tasks.event(task.task_id, KIND, BY, text, task.at)
