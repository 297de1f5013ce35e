"""Statuses and causes with which a change ends; activities/deployment.py calls it."""

from domain.cause import Cause
from domain.model import Value
from domain.plans.plan import Change
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.retry import build_rolled_back_cause
from domain.tasks.status import OutcomeStatus

STARTED = {
    Direction.DEPLOY: OutcomeStatus.DEPLOYING,
    Direction.ROLL_BACK: OutcomeStatus.ROLLING_BACK,
}
DONE = {
    Direction.DEPLOY: OutcomeStatus.DEPLOYED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLED_BACK,
}
UNVERIFIED = {
    Direction.DEPLOY: OutcomeStatus.UNVERIFIED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLED_BACK,
}
"""The end of a change that the service reports as done, and that no handshake can show."""
FAILED = {
    Direction.DEPLOY: OutcomeStatus.FAILED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLBACK_FAILED,
}


class FailedChange(Value):
    """A change that failed, and why."""

    order: ChangeOrder
    cause: Cause


def build_success_cause(why: Cause | None, unverified: Cause | None) -> Cause | None:
    """Why the task rolled back by itself, and why that could not be verified; None if neither."""
    if why is None:
        return unverified
    back = build_rolled_back_cause(why)
    if unverified is None:
        return back.model_copy(update={"unverified": False})
    message = f"{back.message} ({unverified.message})"
    return back.model_copy(update={"message": message, "unverified": True})


def build_unverifiable_cause(change: Change) -> Cause | None:
    """The cause of a change that no handshake can show; None if one can."""
    if change.unverifiable is None:
        return None
    message = f"accepted, not verified: {change.unverifiable}"
    return Cause(code="Accepted", message=message, unverified=True)


def build_failure_cause(failed: FailedChange, record: OutcomeRecord) -> Cause:
    """Why a change failed, and also why it is not rolled back, if it may have been made."""
    cause, stays = failed.cause, record.change.not_reversible
    if failed.order.direction is Direction.ROLL_BACK or not (record.applied and stays):
        return cause
    return cause.model_copy(
        update={"message": f"{cause.message.rstrip('.')}; it is not rolled back: {stays}"}
    )
