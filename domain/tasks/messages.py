"""The messages between those who ask for a deployment task and the workflow that runs it.

Names and shapes of the signals, the updates and the query are public: other services send them, in
other languages.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field, field_validator

from domain.cause import Cause
from domain.model import Value
from domain.rollout.policy import RolloutPolicy
from domain.rollout.stage import BudgetExceeded, Stage
from domain.tasks.status import Phase, Tally, TaskStatus

TASK_QUEUE = "certroll"
WORKFLOW_TYPE = "DeploymentTask"


def build_workflow_id(task_id: str) -> str:
    return f"deployment-{task_id}"


def is_task_time(at: datetime) -> bool:
    """Whether a task may have this time: one near the end of the calendar overflows as a timer."""
    return 2000 <= at.year < 2200


class RollbackRequest(Value):
    """Signal `rollback`: roll back these resources (ids), or with null the whole task.

    With `force`, also where the certificate before has expired meanwhile.
    """

    resources: tuple[str, ...] | None = None
    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)
    force: bool = False


class CancelRequest(Value):
    """Signal `cancel`: start nothing more; what is deployed stays."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class DeleteRequest(Value):
    """Signal `delete`: cancel what has not started, and close; what is deployed stays."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class ProceedRequest(Value):
    """Update `proceed`: start the next wave; the task waits for it at a gate."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class StopRequest(Value):
    """Update `stop`: start no further wave; what is deployed stays, the rest is skipped."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class RetryRequest(Value):
    """Signal `retry`: try failed changes again, all or those of these resources (ids)."""

    resources: tuple[str, ...] | None = None
    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class RescheduleRequest(Value):
    """Update `reschedule`: another time for a task that still waits, in the years 2000 to 2199."""

    at: AwareDatetime

    @field_validator("at")
    @classmethod
    def _check_time(cls, at: datetime) -> datetime:
        if not is_task_time(at):
            raise ValueError("a task's time lies in the years 2000 to 2199")
        return at


class Direction(StrEnum):
    """Whether a change is deployed or rolled back."""

    DEPLOY = "deploy"
    ROLL_BACK = "roll_back"


class ChangeOrder(Value):
    """One change that the workflow orders an activity to make.

    `ordinal` is its position in the plan, `label` its name for a person. Changes with the same
    `lock` are made one at a time. `expires_at` is when the certificate before the change expires.
    `rollback_cause` is why the task itself rolls the change back; it becomes the cause of the
    outcome. With `force`, even an expired certificate is served again.
    """

    task_id: str
    ordinal: int
    direction: Direction
    label: str
    account: str
    service: str
    lock: str | None = None
    first_attempt_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    rollback_cause: Cause | None = None
    force: bool = False


class Installation(Value):
    """One certificate to install in one store.

    `ordinal` is the position of a change that binds from this store; its resource gives access.
    """

    task_id: str
    fingerprint: str
    account: str
    store: str
    ordinal: int
    label: str


class TaskInput(Value):
    """The argument of the workflow; the fields from `phase` on carry its state from run to run.

    `certificates` are names, for people: the plan in storage knows the fingerprints. `installed`
    and `cursor` are the ordinals of the last installation and the last change that were done, -1
    for none. `round` counts retries, `rollback_started_at` belongs to the rollback under way.
    """

    task_id: str
    name: str
    digest: str
    certificates: tuple[str, ...]
    contacts: tuple[str, ...] = ()
    at: AwareDatetime
    rollback_until: AwareDatetime
    concurrency: int = Field(default=100, ge=1, le=500)
    rollout: RolloutPolicy = RolloutPolicy()
    waves: int = Field(default=1, ge=1)
    phase: Phase = Phase.WAITING
    installed: int = -1
    cursor: int = -1
    round: int = 0
    wave: int = 0
    stage: Stage = Stage.CHANGES
    bake_until: AwareDatetime | None = None
    rollback_started_at: AwareDatetime | None = None
    may_proceed: bool = False
    budget_exceeded: BudgetExceeded | None = None
    stop_request: StopRequest | None = None
    retries: tuple[RetryRequest, ...] = ()
    cancelled: bool = False
    cancel_reason: str | None = None
    delete_request: DeleteRequest | None = None
    rollbacks: tuple[RollbackRequest, ...] = ()
    rollbacks_done: int = 0
    tally: Tally = Tally()
    notes: tuple[str, ...] = ()


class RetryingChange(Value):
    """A change that is being retried: the last cause, the next attempt, and the deadline."""

    resource: str
    direction: Direction
    cause: str
    next_at: datetime
    until: datetime


class Progress(Value):
    """The answer of the query `progress`.

    `wave` counts from 1. `waits_for` is what the task waits for, None while changes are under way
    or it is over; `until` is when that wait ends by itself. `can` names the signals and updates
    that make sense now. `stuck` are the first few changes that are being retried, `stuck_total`
    counts all of them.
    """

    task_id: str
    name: str
    status: TaskStatus
    phase: Phase
    at: datetime
    tally: Tally
    pending_rollbacks: int
    pending_retries: int = 0
    notes: tuple[str, ...]
    wave: int = 1
    waves: int = 1
    stage: Stage = Stage.CHANGES
    waits_for: str | None = None
    until: datetime | None = None
    can: tuple[str, ...] = ()
    stuck: tuple[RetryingChange, ...] = ()
    stuck_total: int = 0
