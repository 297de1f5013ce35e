"""How a change ends, in either direction, and what its outcome tells of why."""

from domain.cause import Cause
from domain.model import Value
from domain.plans.plan import Change
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.retry import taken_back
from domain.tasks.status import OutcomeStatus

BEGUN = {
    Direction.DEPLOY: OutcomeStatus.DEPLOYING,
    Direction.ROLL_BACK: OutcomeStatus.ROLLING_BACK,
}
DONE = {
    Direction.DEPLOY: OutcomeStatus.DEPLOYED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLED_BACK,
}
UNSEEN = {
    Direction.DEPLOY: OutcomeStatus.UNVERIFIED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLED_BACK,
}
"""How a change ends that the service reports as done and that no handshake can show."""
FAILED = {
    Direction.DEPLOY: OutcomeStatus.FAILED,
    Direction.ROLL_BACK: OutcomeStatus.ROLLBACK_FAILED,
}


class FailedChange(Value):
    """A change that ended without success, and why."""

    order: ChangeOrder
    cause: Cause


def told(why: Cause | None, unverified: Cause | None) -> Cause | None:
    """What an outcome is given: why the task took it back by itself, and whether that was shown."""
    if why is None:
        return unverified
    back = taken_back(why)
    if unverified is None:
        return back.model_copy(update={"unverified": False})
    message = f"{back.message} ({unverified.message})"
    return back.model_copy(update={"message": message, "unverified": True})


def accepted(change: Change) -> Cause | None:
    """What is to be told of a change that no handshake can ever show."""
    if change.unproven is None:
        return None
    message = f"accepted, not verified: {change.unproven}"
    return Cause(code="Accepted", message=message, unverified=True)


def left_as_it_is(failed: FailedChange, record: OutcomeRecord) -> Cause:
    """Why a change failed, and if it may have been made and has no way back, that too."""
    cause, stays = failed.cause, record.change.not_reversible
    if failed.order.direction is Direction.ROLL_BACK or not (record.applied and stays):
        return cause
    return cause.model_copy(
        update={"message": f"{cause.message.rstrip('.')}; it is not taken back: {stays}"}
    )
