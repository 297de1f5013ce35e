"""The statuses of tasks and outcomes, their transitions, and how a task gets its status.

Storage checks the transitions, the workflow computes the status, docs/generate.py lists both.
"""

from enum import StrEnum

from domain.model import Value


class TaskStatus(StrEnum):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIALLY_FAILED = "partially_failed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    PARTIALLY_ROLLED_BACK = "partially_rolled_back"


class OutcomeStatus(StrEnum):
    """The outcome of one change."""

    PENDING = "pending"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    UNVERIFIED = "unverified"
    FAILED = "failed"
    SKIPPED = "skipped"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"


class Phase(StrEnum):
    """What the workflow of a task is doing."""

    DRAFT = "draft"
    WAITING = "waiting"
    DEPLOYING = "deploying"
    ROLLING_BACK = "rolling_back"
    SETTLED = "settled"


_T, _O = TaskStatus, OutcomeStatus

_ENDED = {_T.SUCCEEDED, _T.PARTIALLY_FAILED, _T.FAILED, _T.CANCELLED}
_ROLLED_BACK = {_T.ROLLED_BACK, _T.PARTIALLY_ROLLED_BACK}

TASK_TRANSITIONS: dict[TaskStatus, frozenset[TaskStatus]] = {
    _T.DRAFT: frozenset({_T.SCHEDULED, _T.RUNNING, _T.CANCELLED}),
    _T.SCHEDULED: frozenset({_T.RUNNING, _T.CANCELLED, _T.FAILED}),
    # Rolled back at once if that was requested while the task waited for its next window.
    _T.RUNNING: frozenset(_ENDED | _ROLLED_BACK | {_T.ROLLING_BACK}),
    # Running again after a retry.
    _T.SUCCEEDED: frozenset({_T.ROLLING_BACK, _T.PARTIALLY_FAILED, _T.RUNNING}),
    _T.PARTIALLY_FAILED: frozenset({_T.ROLLING_BACK, _T.RUNNING}),
    _T.FAILED: frozenset({_T.ROLLING_BACK, _T.RUNNING}),
    _T.CANCELLED: frozenset({_T.ROLLING_BACK, _T.RUNNING}),
    _T.ROLLING_BACK: frozenset(_ENDED | _ROLLED_BACK | {_T.RUNNING}),
    _T.ROLLED_BACK: frozenset({_T.ROLLING_BACK, _T.RUNNING}),
    _T.PARTIALLY_ROLLED_BACK: frozenset({_T.ROLLING_BACK, _T.RUNNING}),
}

OUTCOME_TRANSITIONS: dict[OutcomeStatus, frozenset[OutcomeStatus]] = {
    _O.PENDING: frozenset({_O.DEPLOYING, _O.FAILED, _O.SKIPPED}),
    _O.DEPLOYING: frozenset({_O.DEPLOYED, _O.UNVERIFIED, _O.FAILED}),
    # Failed if the verification after the bake time finds another certificate.
    _O.DEPLOYED: frozenset({_O.ROLLING_BACK, _O.FAILED}),
    _O.UNVERIFIED: frozenset({_O.ROLLING_BACK, _O.DEPLOYED, _O.FAILED, _O.PENDING}),
    # Pending again after a retry.
    _O.FAILED: frozenset({_O.ROLLING_BACK, _O.PENDING}),
    _O.SKIPPED: frozenset({_O.PENDING}),
    _O.ROLLING_BACK: frozenset({_O.ROLLED_BACK, _O.ROLLBACK_FAILED}),
    _O.ROLLED_BACK: frozenset({_O.PENDING}),
    _O.ROLLBACK_FAILED: frozenset({_O.ROLLING_BACK}),
}

# The cloud's own deployment API has no words for a job that is rolled back, partial or cancelled.
CLOUD_TASK_STATUS: dict[TaskStatus, str] = {
    _T.DRAFT: "editing",
    _T.SCHEDULED: "pending",
    _T.RUNNING: "processing",
    _T.SUCCEEDED: "success",
    _T.PARTIALLY_FAILED: "error",
    _T.FAILED: "error",
    _T.CANCELLED: "editing",
    _T.ROLLING_BACK: "rollback",
    _T.ROLLED_BACK: "rollback_success",
    _T.PARTIALLY_ROLLED_BACK: "rollback_error",
}

CLOUD_OUTCOME_STATUS: dict[OutcomeStatus, str] = {
    _O.PENDING: "pending",
    _O.DEPLOYING: "processing",
    _O.DEPLOYED: "success",
    _O.UNVERIFIED: "success",
    _O.FAILED: "error",
    _O.SKIPPED: "editing",
    _O.ROLLING_BACK: "rollback",
    _O.ROLLED_BACK: "rollback_success",
    _O.ROLLBACK_FAILED: "rollback_error",
}


def may_become(now: OutcomeStatus, then: OutcomeStatus) -> bool:
    """Whether an outcome may change to `then`; it may always keep its status."""
    return now is then or then in OUTCOME_TRANSITIONS[now]


class Tally(Value):
    """How many outcomes a task has in each status."""

    pending: int = 0
    deploying: int = 0
    deployed: int = 0
    unverified: int = 0
    failed: int = 0
    skipped: int = 0
    rolling_back: int = 0
    rolled_back: int = 0
    rollback_failed: int = 0

    @property
    def total(self) -> int:
        return sum(dict(self).values())


def compute_task_status(
    phase: Phase, tally: Tally, *, cancelled: bool = False, accept_unverified: bool = False
) -> TaskStatus:
    """The status of a task in this phase, with these outcomes.

    Unverified changes count as a success only with `accept_unverified`. An incomplete rollback
    shows as partially rolled back, even if no resource could be rolled back: "succeeded" would hide
    that someone wanted the task undone.
    """
    match phase:
        case Phase.DRAFT:
            return TaskStatus.DRAFT
        case Phase.WAITING:
            return TaskStatus.SCHEDULED
        case Phase.DEPLOYING:
            return TaskStatus.RUNNING
        case Phase.ROLLING_BACK:
            return TaskStatus.ROLLING_BACK
        case Phase.SETTLED:  # pragma: no branch - there is no other
            return _compute_settled_status(tally, cancelled, accept_unverified)


def _compute_settled_status(tally: Tally, cancelled: bool, accept_unverified: bool) -> TaskStatus:
    deployed = tally.deployed + tally.unverified
    if tally.rolled_back and not (deployed or tally.rollback_failed):
        return TaskStatus.ROLLED_BACK
    if tally.rolled_back or tally.rollback_failed:
        return TaskStatus.PARTIALLY_ROLLED_BACK
    if cancelled:
        return TaskStatus.CANCELLED
    if deployed == 0:
        return TaskStatus.FAILED
    if tally.failed or tally.skipped or (tally.unverified and not accept_unverified):
        return TaskStatus.PARTIALLY_FAILED
    return TaskStatus.SUCCEEDED
