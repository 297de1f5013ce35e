"""Causes that a person reads, from failures of activities."""

import pytest
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    RetryState,
    TerminatedError,
    TimeoutError,
    TimeoutType,
)

from domain.cause import Cause
from tests.support.stored_examples import CAUSE
from workflows.failures import build_cause, is_retryable


def build_failure(
    cause: BaseException | None, state: RetryState = RetryState.MAXIMUM_ATTEMPTS_REACHED
) -> ActivityError:
    """An activity that failed by this."""
    error = ActivityError(
        "activity failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type="deploy",
        activity_id="1",
        retry_state=state,
    )
    error.__cause__ = cause
    return error


def test_the_cause_that_an_activity_reported_is_taken_as_it_is() -> None:
    error = ApplicationError("text", CAUSE.model_dump(mode="json"), type="NotServed")
    assert build_cause(build_failure(error)) == CAUSE


@pytest.mark.parametrize("details", [(), ("only a text",)])
def test_an_error_that_nobody_foresaw_is_reported_by_its_type(details: tuple[str, ...]) -> None:
    error = ApplicationError("unforeseen KeyError, see the log", *details, type="KeyError")
    expected = Cause(code="KeyError", message="unforeseen KeyError, see the log")
    assert build_cause(build_failure(error)) == expected
    assert build_cause(build_failure(ApplicationError("no type"))).code == "Unknown"


@pytest.mark.parametrize(
    ("kind", "words"),
    [(TimeoutType.START_TO_CLOSE, "start to close"), (TimeoutType.HEARTBEAT, "heartbeat")],
)
def test_a_timeout_says_which_one_and_what_to_do(kind: TimeoutType, words: str) -> None:
    error = TimeoutError("late", type=kind, last_heartbeat_details=[])
    cause = build_cause(build_failure(error))
    assert (cause.code, cause.message) == ("Timeout", f"no attempt ended in time ({words})")
    assert cause.advice is not None


def test_a_timeout_after_errors_tells_the_last_of_them() -> None:
    late = TimeoutError("late", type=TimeoutType.SCHEDULE_TO_CLOSE, last_heartbeat_details=[])
    late.__cause__ = ApplicationError("text", CAUSE.model_dump(mode="json"), type="NotServed")
    assert build_cause(build_failure(late)) == CAUSE


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        (RetryState.MAXIMUM_ATTEMPTS_REACHED, True),
        (RetryState.NON_RETRYABLE_FAILURE, False),
        (RetryState.CANCEL_REQUESTED, False),
    ],
)
def test_only_what_was_given_up_for_its_attempts_may_pass(state: RetryState, passes: bool) -> None:
    assert is_retryable(build_failure(ApplicationError("text"), state)) is passes


def test_a_timeout_of_unknown_kind_is_one_all_the_same() -> None:
    cause = build_cause(build_failure(TimeoutError("late", type=None, last_heartbeat_details=[])))
    assert (cause.code, cause.message) == ("Timeout", "no attempt ended in time (unknown)")


def test_a_cancelled_step_says_so() -> None:
    assert build_cause(build_failure(CancelledError())).code == "Cancelled"


def test_anything_else_is_reported_in_its_own_words() -> None:
    cause = build_cause(build_failure(TerminatedError("ended by hand")))
    assert cause == Cause(code="Unknown", message="ended by hand")
