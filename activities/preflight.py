"""The step of a task before anything is installed: what preflight refuses fails, unchanged."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from temporalio import activity

from activities.bookkeeping import TaskAt
from activities.calendar import opening_of_task
from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from domain.calendar.windows import Opening
from domain.model import Value
from domain.preflight.finding import Finding, Policies
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import OutcomeStatus
from operations.preflight.findings import Flight, findings
from operations.runtime.connector_pool import Clouds
from storage.settings import Settings
from storage.store import Store

BY = "certroll"
REFUSED, WARNED = "preflight refused", "preflight warned"
MOST_TOLD = 100
"""Lines of one preflight in a task's audit."""


class Preflighted(Value):
    """What came of it: changes that failed, warnings, and the first few refusals in words."""

    failed: int = 0
    warnings: int = 0
    refusals: tuple[str, ...] = ()


class Preflight:
    """Built by worker.py with what it needs."""

    def __init__(self, store: Store, clouds: Clouds, heart: Heart, settings: Settings) -> None:
        self._store, self._clouds, self._heart = store, clouds, heart
        self._settings = settings

    @activity.defn
    def preflight(self, task: TaskAt) -> Preflighted:
        """Fails each waiting change that a check refuses; the audit tells all that was found.

        Again, it looks at what is left, and finds the same.
        """
        with told_to_the_engine(), self._heart.beating():
            record = self._store.tasks.get(task.task_id)
            waiting = self._store.tasks.outcomes.list(record.id, OutcomeStatus.PENDING)
            if not waiting:
                return Preflighted()
            found = self._found(record, waiting, task)
            self._tell(found, task)
            refused = [each for each in found if each.refused]
            return Preflighted(
                failed=self._fail(refused, waiting, task),
                warnings=len(found) - len(refused),
                refusals=tuple(str(each) for each in refused[:3]),
            )

    def _found(
        self, record: TaskRecord, waiting: Sequence[OutcomeRecord], task: TaskAt
    ) -> list[Finding]:
        def opening() -> Opening:
            return opening_of_task(self._store, record, task.at, task.at)

        flight = Flight(
            changes=[each.change for each in waiting],
            at=task.at,
            now=datetime.now(UTC),
            policies=Policies(self._settings.check_policies, record.checks),
            opening=opening,
        )
        return findings(self._store, self._clouds, self._settings, flight)

    def _tell(self, found: Sequence[Finding], task: TaskAt) -> None:
        for each in found[:MOST_TOLD]:
            kind = REFUSED if each.refused else WARNED
            self._store.tasks.event(task.task_id, kind, BY, f"{each}. {each.fix}", task.at)
        if len(found) > MOST_TOLD:
            more = f"and {len(found) - MOST_TOLD} more: certroll task check {task.task_id}"
            self._store.tasks.event(task.task_id, WARNED, BY, more, task.at)

    def _fail(
        self, refused: Sequence[Finding], waiting: Sequence[OutcomeRecord], task: TaskAt
    ) -> int:
        """Each change by the first refusal that is about it."""
        left, failed = list(waiting), 0
        for finding in refused:
            about = _about(finding)
            hit = [each.ordinal for each in left if about(each)]
            failed += self._store.preflights.fail(task.task_id, hit, task.at, finding.cause)
            left = [each for each in left if not about(each)]
        return failed


def _about(finding: Finding) -> Callable[[OutcomeRecord], bool]:
    """Whether it is about a change; many resources are looked up, not searched."""
    ids = None if finding.resources is None else frozenset(finding.resources)
    rest = finding.model_copy(update={"resources": None})

    def about(record: OutcomeRecord) -> bool:
        known = ids is None or record.change.resource.id in ids
        return known and rest.covers(record.change)

    return about
