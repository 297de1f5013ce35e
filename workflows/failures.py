"""Builds the cause that a person reads from an activity's failure. Called by all workflows."""

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


def is_retryable(failure: ActivityError) -> bool:
    """Whether another series of attempts may succeed: this one only ran out of attempts."""
    return failure.retry_state is RetryState.MAXIMUM_ATTEMPTS_REACHED


def build_cause(failure: ActivityError) -> Cause:
    """Why an activity failed after all its attempts: the last error of a provider, if any."""
    match failure.cause:
        case ApplicationError() as error:
            return _read_cause(error)
        case TimeoutError(cause=ApplicationError() as error):
            return _read_cause(error)
        case TimeoutError() as error:
            kind = error.type.name.lower().replace("_", " ") if error.type else "unknown"
            return Cause(
                code="Timeout",
                message=f"no attempt ended in time ({kind})",
                advice="Check that workers run and reach the service, then deploy again.",
            )
        case CancelledError():
            return Cause(code="Cancelled", message="the step was cancelled")
        case other:
            return Cause(code="Unknown", message=str(other))


def _read_cause(error: ApplicationError) -> Cause:
    if error.details and isinstance(error.details[0], dict):
        return Cause.model_validate(error.details[0])
    return Cause(code=error.type or "Unknown", message=error.message)
