"""What travels between those who ask for a deployment task and the workflow that runs it.

Names and shapes of the signals are public: other services send them, in other languages.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from domain.cause import Cause
from domain.model import Value
from domain.rollout.policy import Rollout
from domain.rollout.stage import Breach, Stage
from domain.tasks.status import Phase, Tally, TaskStatus

TASK_QUEUE = "certroll"
WORKFLOW_TYPE = "DeploymentTask"


def workflow_id(task_id: str) -> str:
    """The workflow that is this task."""
    return f"deployment-{task_id}"


class RollbackRequest(Value):
    """Signal `rollback`: take back these resources (ids), or with null the whole task.

    With `force` also where the certificate before has expired meanwhile.
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
    """Signal `delete`: cancel what waits, and stay open no longer; what is deployed stays."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class ProceedRequest(Value):
    """Update `proceed`: go on with the next wave, where the task waits for a person's word."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class StopRequest(Value):
    """Update `stop`: begin no further wave; what is deployed stays, what waits is skipped."""

    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class RetryRequest(Value):
    """Signal `retry`: try once more what failed, or of it these resources (ids); nothing else."""

    resources: tuple[str, ...] | None = None
    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


class RescheduleRequest(Value):
    """Update `reschedule`: another time, while the task still waits."""

    at: AwareDatetime


class Direction(StrEnum):
    """Which way a change is made."""

    DEPLOY = "deploy"
    ROLL_BACK = "roll_back"


class ChangeOrder(Value):
    """One change to make: its place in the plan, and what a person reads of it.

    Changes with the same `lock` are made one at a time. `begun_at` is when it was tried first, and
    `expires_at` when what it serves before does. `why` is the reason of what
    the task takes back by itself, and becomes the cause of that outcome. With `force` what has
    expired is served again.
    """

    task_id: str
    ordinal: int
    direction: Direction
    label: str
    account: str
    service: str
    lock: str | None = None
    begun_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    why: Cause | None = None
    force: bool = False


class Installation(Value):
    """One certificate to put into one store, by way of a resource that binds from it."""

    task_id: str
    fingerprint: str
    account: str
    store: str
    ordinal: int
    label: str


class TaskInput(Value):
    """The argument of the workflow; the fields from `phase` on carry its state from run to run.

    `certificates` are names, for people: the plan in storage knows the fingerprints. `round` counts
    retries, `since` is when the way back under way began.
    """

    task_id: str
    name: str
    digest: str
    certificates: tuple[str, ...]
    contacts: tuple[str, ...] = ()
    at: AwareDatetime
    rollback_until: AwareDatetime
    concurrency: int = Field(default=100, ge=1, le=500)
    rollout: Rollout = Rollout()
    waves: int = Field(default=1, ge=1)
    phase: Phase = Phase.WAITING
    installed: int = -1
    cursor: int = -1
    round: int = 0
    wave: int = 0
    stage: Stage = Stage.CHANGES
    bake_until: AwareDatetime | None = None
    since: AwareDatetime | None = None
    proceeds: bool = False
    breach: Breach | None = None
    halt: StopRequest | None = None
    retries: tuple[RetryRequest, ...] = ()
    cancelled: bool = False
    why_cancelled: str | None = None
    deleted: DeleteRequest | None = None
    rollbacks: tuple[RollbackRequest, ...] = ()
    rollbacks_done: int = 0
    tally: Tally = Tally()
    notes: tuple[str, ...] = ()


class Stuck(Value):
    """A change that is tried again and again: why, when next, and when no more."""

    resource: str
    direction: Direction
    cause: str
    next_at: datetime
    until: datetime


class Progress(Value):
    """Answer of the query `progress`.

    `wave` counts from 1. `waits_for` is None where nothing is waited for but the changes under way;
    `until` is when that ends by itself. `can` names the signals and updates that make sense now.
    Of what is tried again (`stuck_total`) the first few are told.
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
    stuck: tuple[Stuck, ...] = ()
    stuck_total: int = 0
