"""From the engine's failures to the cause that a person reads."""

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    RetryState,
    TimeoutError,
)

with workflow.unsafe.imports_passed_through():
    from domain.cause import Cause


def may_pass(failure: ActivityError) -> bool:
    """Whether another turn of attempts may succeed: it was given up only for their number."""
    return failure.retry_state is RetryState.MAXIMUM_ATTEMPTS_REACHED


def cause_of(failure: ActivityError) -> Cause:
    """Why an activity ended without success, after all its attempts: the last error of a cloud."""
    match failure.cause:
        case ApplicationError() as error:
            return _told(error)
        case TimeoutError(cause=ApplicationError() as error):
            return _told(error)
        case TimeoutError() as error:
            kind = error.type.name.lower().replace("_", " ") if error.type else "unknown"
            return Cause(
                code="Timeout",
                message=f"no attempt ended in time ({kind})",
                advice="See whether workers run and reach the service, then deploy again.",
            )
        case CancelledError():
            return Cause(code="Cancelled", message="the step was cancelled")
        case other:
            return Cause(code="Unknown", message=str(other))


def _told(error: ApplicationError) -> Cause:
    if error.details and isinstance(error.details[0], dict):
        return Cause.model_validate(error.details[0])
    return Cause(code=error.type or "Unknown", message=error.message)
