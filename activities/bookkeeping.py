"""Activities that read and write what storage knows of a task; DeploymentTask runs them.

Each may be repeated with the same result.
"""

from datetime import datetime

from temporalio import activity

from activities.failures import as_application_errors
from activities.heartbeats import Heartbeater
from domain.cause import Cause
from domain.errors import BadInput
from domain.model import Value
from domain.tasks.audit import TaskEvent
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.retry import AutomaticRollback
from domain.tasks.status import Tally, TaskStatus
from operations.deployment import installation
from storage.store import Store


class TaskRef(Value):
    """A task, and the digest of the plan that was previewed for it."""

    task_id: str
    digest: str


class TaskAt(Value):
    """A task, and a time for it, UTC."""

    task_id: str
    at: datetime


class ResourceSelection(Value):
    """Resource ids that a request names as part of a task."""

    task_id: str
    resources: tuple[str, ...]


class OrderPage(Value):
    """The page of a task's changes after the ordinal `after`, in the plan's order.

    `only` are resource ids, None for all; `wave` None means all waves. `automatic_rollback`
    restricts it to the changes that the task rolls back by itself. `force` goes with each order.
    """

    task_id: str
    after: int
    limit: int
    direction: Direction
    only: tuple[str, ...] | None = None
    wave: int | None = None
    automatic_rollback: AutomaticRollback | None = None
    force: bool = False


class InstallationPage(Value):
    """The page of installations after the ordinal of the last one's first change."""

    task_id: str
    after: int = -1
    limit: int = 1000


class SkipRequest(Value):
    """Changes that shall not be made any more; `only` None means all pending ones."""

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


class BookkeepingActivities:
    """Built by worker.py."""

    def __init__(self, store: Store, heartbeater: Heartbeater | None = None) -> None:
        self._store, self._heartbeater = store, heartbeater or Heartbeater()

    @activity.defn
    def reserve_quota(self, task: TaskRef) -> None:
        """Reserves the cost of the plan, if it still is the previewed one."""
        with as_application_errors(), self._heartbeater.running():
            plan = self._store.tasks.get_plan(task.task_id)
            if plan.digest != task.digest:
                raise BadInput(
                    f"the stored plan has digest {plan.digest[:12]}, "
                    f"the previewed one {task.digest[:12]}",
                    where=f"task {task.task_id}",
                    fix="Create the plan again, and a new task of it.",
                    code="plan-changed",
                )
            created_at = self._store.tasks.get(task.task_id).created_at
            self._store.quota.reserve(task.task_id, plan.cost, created_at)

    @activity.defn
    def settle_quota(self, task: TaskAt) -> Tally:
        """Charges deployed changes, refunds the rest, and counts the outcomes."""
        with as_application_errors():
            self._store.quota.settle(task.task_id, task.at)
            return self._store.tasks.outcomes.get_tally(task.task_id)

    @activity.defn
    def count_outcomes(self, task_id: str) -> Tally:
        with as_application_errors():
            return self._store.tasks.outcomes.get_tally(task_id)

    @activity.defn
    def list_installations(self, page: InstallationPage) -> list[Installation]:
        """The certificates that must be in a store before the first change, each pair once."""
        with as_application_errors():
            return installation.list_installations(
                self._store, page.task_id, page.after, page.limit
            )

    @activity.defn
    def fail_installation(self, failed: FailedInstallation) -> int:
        """Fails each pending change that needs this installation; returns how many."""
        with as_application_errors():
            return installation.fail_installation(
                self._store, failed.installation, failed.cause, failed.at
            )

    @activity.defn
    def list_orders(self, page: OrderPage) -> list[ChangeOrder]:
        """The next changes to make, in the plan's order; empty after the last page."""
        with as_application_errors():
            orders = self._store.tasks.outcomes.list_orders(
                page.task_id,
                page.after,
                page.limit,
                page.direction,
                page.only,
                page.wave,
                automatic_rollback=page.automatic_rollback,
            )
            return [each.model_copy(update={"force": page.force}) for each in orders]

    @activity.defn
    def skip_changes(self, skip: SkipRequest) -> int:
        """Skips pending changes, of these resource ids or all; returns how many.

        If all are skipped, no attempt is under way any more: changes that were begun fail.
        """
        outcomes = self._store.tasks.outcomes
        with as_application_errors():
            if skip.only is None:
                outcomes.fail_unfinished(skip.task_id, skip.at, skip.cause)
            return outcomes.skip(skip.task_id, skip.only, skip.at, skip.cause)

    @activity.defn
    def find_unknown_resources(self, selection: ResourceSelection) -> list[str]:
        """The named resources that the task does not change."""
        with as_application_errors():
            return self._store.tasks.outcomes.find_unknown(selection.task_id, selection.resources)

    @activity.defn
    def record_status(self, change: StatusChange) -> None:
        with as_application_errors():
            self._store.tasks.set_status(change.task_id, change.status, change.at)

    @activity.defn
    def record_time(self, task: TaskAt) -> None:
        """Records the new start time of a task that waits."""
        with as_application_errors():
            self._store.tasks.set_time(task.task_id, task.at)

    @activity.defn
    def record_event(self, event: TaskEvent) -> None:
        """Adds an event to the task's audit log."""
        with as_application_errors():
            self._store.tasks.add_event(event.task_id, event.code, event.by, event.text, event.at)

    @activity.defn
    def delete_task(self, event: TaskEvent) -> None:
        """Marks the task as deleted; the event says who asked for it and why."""
        with as_application_errors():
            self._store.tasks.delete(event.task_id, event.by, event.text, event.at)
