"""What a task keeps in storage: quota, orders, statuses, events. All safe to repeat."""

from datetime import datetime

from temporalio import activity

from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from domain.cause import Cause
from domain.errors import BadInput
from domain.model import Value
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import OutcomeRecord, TaskEvent
from domain.tasks.retry import Undoing
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from storage.store import Store


class TaskRef(Value):
    """Which task, with which plan: a plan that changed since its preview is refused."""

    task_id: str
    digest: str


class TaskAt(Value):
    """A task and the moment of the step, UTC."""

    task_id: str
    at: datetime


class NamedResources(Value):
    """Resource ids that someone says belong to a task."""

    task_id: str
    resources: tuple[str, ...]


class OrdersAfter(Value):
    """The next changes of a task, in the plan's order; `only` names resource ids.

    Of one `wave`, or with None of all; `by_itself`: of these what the task itself takes back.
    `force` goes with each of them.
    """

    task_id: str
    after: int
    limit: int
    direction: Direction
    only: tuple[str, ...] | None = None
    wave: int | None = None
    by_itself: Undoing | None = None
    force: bool = False


class InstallationsAfter(Value):
    """The next certificates to install; `after` is the ordinal of the last one's first change."""

    task_id: str
    after: int = -1
    limit: int = 1000


class Skip(Value):
    """Changes that are not to be made any more; `only` None means all that still wait."""

    task_id: str
    cause: Cause
    at: datetime
    only: tuple[str, ...] | None = None


class FailedInstallation(Value):
    """A certificate that could not be put into a store, so that nothing can bind it."""

    installation: Installation
    cause: Cause
    at: datetime


class StatusChange(Value):
    """A task's status as of `at`."""

    task_id: str
    status: TaskStatus
    at: datetime


class Bookkeeping:
    """Steps that touch nothing but storage; built by worker.py."""

    def __init__(self, store: Store, heart: Heart | None = None) -> None:
        self._store, self._heart = store, heart or Heart()

    @activity.defn
    def reserve(self, task: TaskRef) -> None:
        """Reserves the task's quota, after checking that its plan is still the previewed one."""
        with told_to_the_engine(), self._heart.beating():
            plan = self._store.tasks.plan(task.task_id)
            if plan.digest != task.digest:
                raise BadInput(
                    f"the stored plan has digest {plan.digest[:12]}, not the previewed "
                    f"{task.digest[:12]}",
                    where=f"task {task.task_id}",
                    fix="Make the plan again and create a new task.",
                )
            at = self._store.tasks.get(task.task_id).created_at
            self._store.quota.reserve(task.task_id, plan.cost, at)

    @activity.defn
    def settle(self, task: TaskAt) -> Tally:
        """Charges what was deployed, refunds the rest, and counts the outcomes."""
        with told_to_the_engine():
            self._store.quota.settle(task.task_id, task.at)
            return self._store.tasks.outcomes.tally(task.task_id)

    @activity.defn
    def tally(self, task_id: str) -> Tally:
        """Counts the outcomes."""
        with told_to_the_engine():
            return self._store.tasks.outcomes.tally(task_id)

    @activity.defn
    def installations(self, page: InstallationsAfter) -> list[Installation]:
        """What must lie in which store before the first change: each pair once."""
        with told_to_the_engine():
            first = self._store.tasks.outcomes.first_of_each_store
            records = first(page.task_id, page.after, page.limit)
            return [needed for record in records if (needed := installation_for(record))]

    @activity.defn
    def fail_installation(self, failed: FailedInstallation) -> int:
        """Fails each waiting change that needed this installation; returns how many."""
        with told_to_the_engine():
            hit = 0
            for record in self._waiting(failed.installation.task_id):
                need = installation_for(record)
                if need and _pair(need) == _pair(failed.installation):
                    self._store.tasks.outcomes.finish(
                        record.task_id,
                        record.ordinal,
                        OutcomeStatus.FAILED,
                        failed.at,
                        failed.cause,
                    )
                    hit += 1
            return hit

    @activity.defn
    def orders(self, wanted: OrdersAfter) -> list[ChangeOrder]:
        """The next changes to make, in the plan's order; empty when there are no more."""
        with told_to_the_engine():
            found = self._store.tasks.outcomes.orders(
                wanted.task_id,
                wanted.after,
                wanted.limit,
                wanted.direction,
                wanted.only,
                wanted.wave,
                by_itself=wanted.by_itself,
            )
            return [each.model_copy(update={"force": wanted.force}) for each in found]

    @activity.defn
    def skip(self, skip: Skip) -> int:
        """Marks waiting changes as skipped; returns how many.

        If all are meant, what was begun and is tried no more has failed: nothing is under way then.
        """
        with told_to_the_engine():
            outcomes = self._store.tasks.outcomes
            if skip.only is None:
                outcomes.abandon(skip.task_id, skip.at, skip.cause)
            return outcomes.skip(skip.task_id, skip.only, skip.at, skip.cause)

    @activity.defn
    def unknown_resources(self, named: NamedResources) -> list[str]:
        """Those of the named resources that the task does not change."""
        with told_to_the_engine():
            return self._store.tasks.outcomes.unknown(named.task_id, named.resources)

    @activity.defn
    def record_status(self, change: StatusChange) -> None:
        """Writes the task's status; the same one again changes nothing."""
        with told_to_the_engine():
            self._store.tasks.set_status(change.task_id, change.status, change.at)

    @activity.defn
    def record_time(self, task: TaskAt) -> None:
        """Writes when a waiting task shall start instead."""
        with told_to_the_engine():
            self._store.tasks.set_time(task.task_id, task.at)

    @activity.defn
    def record_event(self, event: TaskEvent) -> None:
        """Adds a line to the task's audit."""
        with told_to_the_engine():
            self._store.tasks.event(event.task_id, event.kind, event.by, event.text, event.at)

    @activity.defn
    def delete(self, event: TaskEvent) -> None:
        """Marks the task as deleted, with who asked and why."""
        with told_to_the_engine():
            self._store.tasks.delete(event.task_id, event.by, event.text, event.at)

    def _waiting(self, task_id: str) -> list[OutcomeRecord]:
        return self._store.tasks.outcomes.list(task_id, status=OutcomeStatus.PENDING)


def installation_for(record: OutcomeRecord) -> Installation | None:
    """What this change needs in its store; None where it binds nothing of ours."""
    change = record.change
    if change.after is None or change.after.fingerprint is None:
        return None
    fingerprint = change.after.fingerprint
    return Installation(
        task_id=record.task_id,
        fingerprint=fingerprint,
        account=change.resource.account,
        store=change.store,
        ordinal=record.ordinal,
        label=f"{change.after.name or fingerprint[:12]} into {change.store} "
        f"of {change.resource.account}",
    )


def _pair(installation: Installation) -> tuple[str, str, str]:
    return installation.fingerprint, installation.account, installation.store
