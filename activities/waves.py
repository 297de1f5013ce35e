"""What a task asks of storage between its waves and before a retry. All safe to repeat."""

from datetime import datetime

from temporalio import activity

from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from domain.cause import Cause
from domain.model import Value
from domain.rollout.stage import WaveFacts
from domain.tasks.retry import Reopened
from storage.store import Store


class WaveRef(Value):
    """One wave of one round of a task."""

    task_id: str
    round: int
    wave: int


class Reopening(Value):
    """The retry that begins round `round`; `only` names resource ids, None: all that failed."""

    task_id: str
    round: int
    only: tuple[str, ...] | None
    at: datetime


class Trying(Value):
    """A change that is tried again later, and why its last tries failed."""

    task_id: str
    ordinal: int
    cause: Cause


class Waves:
    """Steps that touch nothing but storage; built by worker.py."""

    def __init__(self, store: Store, heart: Heart | None = None) -> None:
        self._store, self._heart = store, heart or Heart()

    @activity.defn
    def wave_facts(self, which: WaveRef) -> WaveFacts:
        """How many changes a wave has, how many have failed, and how many are borne."""
        with told_to_the_engine():
            rollout = self._store.tasks.get(which.task_id).rollout
            facts = self._store.tasks.rounds.facts
            return facts(which.task_id, which.round, which.wave, rollout)

    @activity.defn
    def reopen(self, asked: Reopening) -> Reopened:
        """Lets what may be retried wait again, with quota reserved for it."""
        with told_to_the_engine(), self._heart.beating():
            reopen = self._store.tasks.rounds.reopen
            return reopen(asked.task_id, asked.round, asked.only, asked.at)

    @activity.defn
    def still_trying(self, trying: Trying) -> None:
        """Writes down why a change is tried again, for whoever looks at the task meanwhile."""
        with told_to_the_engine():
            outcomes = self._store.tasks.outcomes
            outcomes.still_trying(trying.task_id, trying.ordinal, trying.cause)
