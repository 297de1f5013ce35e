"""Which changes of a task are tried once more when someone asks for it. Pure."""

from domain.cause import Cause
from domain.model import Value
from domain.tasks.status import OutcomeStatus

CANCELLED, ROLLED_BACK_BEFORE = "Cancelled", "RolledBackBefore"
STOPPED, TOO_MANY_FAILURES = "Stopped", "TooManyFailures"
TAKEN_BACK = "TakenBack"
"""The codes of causes that a task itself gives."""

_NOT_WANTED = (CANCELLED, ROLLED_BACK_BEFORE)


class Reopened(Value):
    """How many changes wait again, and what quota was reserved for them."""

    changes: int
    cost: int


class Undoing(Value):
    """Of one round of a task: what was changed and failed; with a `reason` also what went well.

    What somebody else changed meanwhile is never touched, and what failed and has no way back stays
    failed, to be retried. What went well and has none is a failure of its own where the whole wave
    goes back.
    """

    round: int
    reason: Cause | None = None


def may_be_retried(status: OutcomeStatus, cause: Cause | None) -> bool:
    """Whether a retry takes it: nothing that is deployed, and nothing that a person called off.

    What failed, nobody could verify, was skipped because the task was stopped or stopped itself, or
    was taken back by the task itself.
    """
    match status:
        case OutcomeStatus.FAILED | OutcomeStatus.UNVERIFIED:
            return True
        case OutcomeStatus.SKIPPED:
            return cause is None or cause.code not in _NOT_WANTED
        case OutcomeStatus.ROLLED_BACK:
            return cause is not None and cause.taken_back
        case _:
            return False


def taken_back(cause: Cause) -> Cause:
    """The cause of what the task itself has taken back: what was wrong, and that it is undone."""
    text = cause.message.rstrip(".")
    return cause.model_copy(update={"message": f"{text}; it was taken back", "taken_back": True})


def not_taken_back(cause: Cause, problem: Cause) -> Cause:
    """The cause of what the task itself could not take back: what was wrong, and what is now."""
    text = cause.message.rstrip(".")
    message = f"{text}; taking it back failed too: {problem.code}: {problem.message}"
    return problem.model_copy(update={"code": cause.code, "message": message})
