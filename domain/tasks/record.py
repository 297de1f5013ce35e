"""What storage answers with: tasks, changes and their outcomes as they stand."""

from datetime import datetime

from pydantic import Field

from domain.cause import Cause
from domain.model import Value
from domain.plans.plan import Change
from domain.plans.request import PlanRequest
from domain.preflight.checks import Policy
from domain.rollout.policy import Rollout
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus


class Draft(Value):
    """What a draft still has to remember of how it was asked for."""

    rollback_days: int
    require_coverage: bool = False
    wish: PlanRequest | None = None


class TaskRecord(Value):
    """A deployment task as storage keeps it; `draft` is None once it is submitted.

    Of its changes no handshake can show `unproven`: the service accepts them, and they end as
    unverified. `windows_ignored` is why it heeds neither maintenance
    windows nor freezes, None where it does. `checks` are the policies of its own for checks before
    the first change, by number.
    """

    id: str
    name: str
    status: TaskStatus
    digest: str
    certificates: tuple[str, ...]
    contacts: tuple[str, ...] = ()
    at: datetime
    rollback_until: datetime
    cost: int
    concurrency: int = 100
    rollout: Rollout = Rollout()
    checks: dict[str, Policy] = Field(default_factory=dict)
    unproven: int = 0
    plan_id: str | None = None
    windows_ignored: str | None = None
    draft: Draft | None = None
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    tally: Tally = Tally()


class OutcomeRecord(Value):
    """One change of a task and what became of it.

    `applied` is true from just before the first call that may have changed the resource.
    """

    task_id: str
    ordinal: int
    change: Change
    wave: int = 0
    status: OutcomeStatus
    applied: bool = False
    attempts: int = 0
    cause: Cause | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def unverified(self) -> bool:
        """Whether it ended well as far as the service says, which nothing has verified."""
        told = self.cause is not None and self.cause.unverified
        return self.status is OutcomeStatus.UNVERIFIED or (
            self.status is OutcomeStatus.ROLLED_BACK and told
        )


class TaskEvent(Value):
    """One line of a task's audit: who did what, when and why."""

    task_id: str
    at: datetime
    kind: str
    by: str
    text: str
