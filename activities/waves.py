"""Activities between the waves of a task and before a retry; DeploymentTask runs them.

Each may be repeated with the same result.
"""

from datetime import datetime

from temporalio import activity

from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from domain.cause import Cause
from domain.model import Value
from domain.rollout.stage import WaveFacts
from domain.tasks.retry import ReopenedChanges
from storage.store import Store


class WaveRef(Value):
    """One wave of a task in one round: 0 is the first deployment, n the n-th retry."""

    task_id: str
    round: int
    wave: int


class ReopenRequest(Value):
    """The retry that begins round `round`; `only` are resource ids, None for all that failed."""

    task_id: str
    round: int
    only: tuple[str, ...] | None
    at: datetime


class RetriedChange(Value):
    """A change that is tried again later, and why its last attempts failed."""

    task_id: str
    ordinal: int
    cause: Cause


class WaveActivities:
    """Built by worker.py."""

    def __init__(self, store: Store, heartbeater: Heartbeater | None = None) -> None:
        self._store, self._heartbeater = store, heartbeater or Heartbeater()

    @activity.defn
    def get_wave_facts(self, ref: WaveRef) -> WaveFacts:
        """How many changes a wave has, how many have failed, and how many may fail."""
        with as_application_errors():
            rollout = self._store.tasks.get(ref.task_id).rollout
            retries = self._store.tasks.retries
            return retries.get_wave_facts(ref.task_id, ref.round, ref.wave, rollout)

    @activity.defn
    def reopen_changes(self, request: ReopenRequest) -> ReopenedChanges:
        """Makes failed changes pending again, and reserves quota for them."""
        with as_application_errors(), self._heartbeater.running():
            retries = self._store.tasks.retries
            return retries.reopen(request.task_id, request.round, request.only, request.at)

    @activity.defn
    def record_retried_change(self, retried: RetriedChange) -> None:
        """Records why a change is tried again, for `task show` meanwhile."""
        with as_application_errors():
            outcomes = self._store.tasks.outcomes
            outcomes.record_cause(retried.task_id, retried.ordinal, retried.cause)
