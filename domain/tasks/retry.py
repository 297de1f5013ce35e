"""Which changes a retry takes up, and the causes that a task itself gives an outcome.

The deployment workflow, storage and the notifications use it.
"""

from domain.cause import Cause
from domain.model import Value
from domain.tasks.status import OutcomeStatus

CANCELLED = "cancelled"
ROLLBACK_REQUESTED = "rollback-requested"
"""Skipped: its rollback was requested before it was started."""
STOPPED = "stopped"
TOO_MANY_FAILURES = "too-many-failures"
ROLLED_BACK_WITH_WAVE = "rolled-back-with-wave"
"""Rolled back although it succeeded, because others failed."""

_GIVEN_UP_BY_A_PERSON = (CANCELLED, ROLLBACK_REQUESTED)


class ReopenedChanges(Value):
    """How many changes a retry takes up, and the quota that was reserved for them."""

    changes: int
    cost: int


class AutomaticRollback(Value):
    """What a task rolls back by itself in one round: its failed changes.

    With a `reason`, also its successful changes, with this cause. A change that somebody else
    overwrote is never touched. A failed change that cannot be rolled back stays failed and may be
    retried; a successful one that cannot be rolled back becomes a failure.
    """

    round: int
    reason: Cause | None = None


def may_retry(status: OutcomeStatus, cause: Cause | None) -> bool:
    """Whether a retry takes up a change with this outcome.

    It takes up failed and unverified changes, changes that were skipped because the task stopped,
    and changes that the task itself rolled back; not what a person cancelled or rolled back.
    """
    match status:
        case OutcomeStatus.FAILED | OutcomeStatus.UNVERIFIED:
            return True
        case OutcomeStatus.SKIPPED:
            return cause is None or cause.code not in _GIVEN_UP_BY_A_PERSON
        case OutcomeStatus.ROLLED_BACK:
            return cause is not None and cause.rolled_back
        case _:
            return False


def build_rolled_back_cause(cause: Cause) -> Cause:
    """The cause of a change that the task itself has rolled back because of `cause`."""
    text = cause.message.rstrip(".")
    return cause.model_copy(update={"message": f"{text}; it was rolled back", "rolled_back": True})


def build_failed_rollback_cause(cause: Cause, problem: Cause) -> Cause:
    """The cause of a change that failed with `cause`, and whose rollback failed with `problem`."""
    text = cause.message.rstrip(".")
    message = f"{text}; the rollback failed too: {problem.code}: {problem.message}"
    return problem.model_copy(update={"code": cause.code, "message": message})
