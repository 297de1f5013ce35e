"""From the engine's failures to causes that a person reads."""

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

from domain.task import Cause
from tests.storage.examples import CAUSE
from workflows.causes import cause_of


def failure(cause: BaseException | None) -> ActivityError:
    """An activity that failed by this."""
    error = ActivityError(
        "activity failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="worker",
        activity_type="deploy",
        activity_id="1",
        retry_state=RetryState.MAXIMUM_ATTEMPTS_REACHED,
    )
    error.__cause__ = cause
    return error


def test_the_cause_that_an_activity_told_is_taken_as_it_is() -> None:
    error = ApplicationError("text", CAUSE.model_dump(mode="json"), type="NotServed")
    assert cause_of(failure(error)) == CAUSE


@pytest.mark.parametrize("details", [(), ("only a text",)])
def test_an_error_that_nobody_foresaw_is_told_by_its_type(details: tuple[str, ...]) -> None:
    error = ApplicationError("unforeseen KeyError, see the log", *details, type="KeyError")
    expected = Cause(code="KeyError", message="unforeseen KeyError, see the log")
    assert cause_of(failure(error)) == expected
    assert cause_of(failure(ApplicationError("no type"))).code == "Unknown"


@pytest.mark.parametrize(
    ("kind", "told"),
    [(TimeoutType.START_TO_CLOSE, "start to close"), (TimeoutType.HEARTBEAT, "heartbeat")],
)
def test_a_timeout_says_which_one_and_what_to_do(kind: TimeoutType, told: str) -> None:
    error = TimeoutError("late", type=kind, last_heartbeat_details=[])
    cause = cause_of(failure(error))
    assert (cause.code, cause.message) == ("Timeout", f"no attempt ended in time ({told})")
    assert cause.advice is not None


def test_a_timeout_of_unknown_kind_is_one_all_the_same() -> None:
    cause = cause_of(failure(TimeoutError("late", type=None, last_heartbeat_details=[])))
    assert (cause.code, cause.message) == ("Timeout", "no attempt ended in time (unknown)")


def test_a_cancelled_step_says_so() -> None:
    assert cause_of(failure(CancelledError())).code == "Cancelled"


def test_anything_else_is_told_in_its_own_words() -> None:
    cause = cause_of(failure(TerminatedError("ended by hand")))
    assert cause == Cause(code="Unknown", message="ended by hand")
