"""What travels between those who ask for a deployment task and the workflow that runs it.

Names and shapes of the signals are public: other services send them, in other languages.
"""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from domain.model import Value
from domain.status import Phase, Tally, TaskStatus
from domain.waves import Rollout

TASK_QUEUE = "certroll"
WORKFLOW_TYPE = "DeploymentTask"


def workflow_id(task_id: str) -> str:
    """The workflow that is this task."""
    return f"deployment-{task_id}"


class RollbackRequest(Value):
    """Signal `rollback`: take back these resources (ids), or with null the whole task."""

    resources: tuple[str, ...] | None = None
    reason: str = Field(min_length=1, max_length=1000)
    requested_by: str = Field(min_length=1, max_length=200)


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

    Changes with the same `lock` are made one at a time.
    """

    task_id: str
    ordinal: int
    direction: Direction
    label: str
    account: str
    service: str
    lock: str | None = None


class Installation(Value):
    """One certificate to put into one store, by way of a resource that binds from it."""

    task_id: str
    fingerprint: str
    account: str
    store: str
    ordinal: int
    label: str


class Cause(Value):
    """Why an outcome is what it is, for the person who has to act.

    `needs_operator`: it stays as it is until somebody has acted.
    """

    code: str
    message: str
    advice: str | None = None
    request_id: str | None = None
    needs_operator: bool = False

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text} {self.advice}" if self.advice else text


class TaskInput(Value):
    """The argument of the workflow; the fields from `phase` on carry its state from run to run.

    `certificates` are names, for people: the plan in storage knows the fingerprints.
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
    cancelled: bool = False
    deleted: DeleteRequest | None = None
    rollbacks: tuple[RollbackRequest, ...] = ()
    rollbacks_done: int = 0
    tally: Tally = Tally()
    notes: tuple[str, ...] = ()


class Progress(Value):
    """Answer of the query `progress`."""

    task_id: str
    name: str
    status: TaskStatus
    phase: Phase
    at: datetime
    tally: Tally
    pending_rollbacks: int
    notes: tuple[str, ...]
