"""Deployment tasks and the outcomes of their changes, as storage returns them."""

from datetime import datetime

from pydantic import Field

from domain.cause import Cause
from domain.model import Value
from domain.plans.plan import Change
from domain.plans.request import PlanRequest
from domain.preflight.checks import CheckPolicy
from domain.rollout.policy import RolloutPolicy
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus


class DraftRequest(Value):
    """What was asked for when a draft was made, and its submission still needs."""

    rollback_days: int
    require_coverage: bool = False
    plan_request: PlanRequest | None = None


class TaskRecord(Value):
    """A deployment task; `draft` is None once the task is submitted.

    `cost` is in units of quota. `checks` are the task's own policies for preflight checks, by the
    number of the check. `unverifiable` counts changes that no handshake can verify: the service
    accepts them, and they end as unverified. `windows_ignored` is the reason why the task heeds
    neither maintenance windows nor freezes, None if it heeds them.
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
    rollout: RolloutPolicy = RolloutPolicy()
    checks: dict[str, CheckPolicy] = Field(default_factory=dict)
    unverifiable: int = 0
    plan_id: str | None = None
    windows_ignored: str | None = None
    draft: DraftRequest | None = None
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    tally: Tally = Tally()


class OutcomeRecord(Value):
    """One change of a task and its outcome; `ordinal` is its position in the plan.

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
    def is_unverified(self) -> bool:
        """Whether the service reports success and nothing has verified it."""
        if self.status is OutcomeStatus.ROLLED_BACK:
            return self.cause is not None and self.cause.unverified
        return self.status is OutcomeStatus.UNVERIFIED
