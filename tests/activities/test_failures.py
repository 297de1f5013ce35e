"""Which errors Temporal retries, and how much of them it sees."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.failures import as_application_errors
from domain.cause import Cause
from domain.errors import (
    BadInput,
    CertrollError,
    Drifted,
    NeedsOperator,
    NotServed,
    Permanent,
    Transient,
    Waiting,
)

SECRET = "-----BEGIN PRIVATE KEY-----"


def convert(error: BaseException) -> ApplicationError:
    """The failure of an activity that raises this error."""
    with pytest.raises(ApplicationError) as caught, as_application_errors():
        raise error
    return caught.value


MAPPING = [
    (Transient("busy", code="Throttling", retry_after=2.5), "Throttling", True),
    (Transient("busy", code="ServiceUnavailable"), "ServiceUnavailable", True),
    (NeedsOperator("no right", code="Forbidden.RAM"), "Forbidden.RAM", False),
    (Permanent("gone", code="InvalidDomain.NotFound"), "InvalidDomain.NotFound", False),
    (Drifted("ab", "cd"), "Drifted", False),
    (NotServed("www.example.com at [::1]:443", "ab", "cd", 30), "NotServed", False),
    (BadInput("no such thing"), "BadInput", False),
    (CertrollError("something else of ours"), "CertrollError", False),
    (KeyError("nobody thought of this"), "KeyError", True),
    (ValueError(), "ValueError", True),
]


@pytest.mark.parametrize(("error", "kind", "retried"), MAPPING)
def test_each_error_has_its_type_and_is_retried_or_not(
    error: Exception, kind: str, retried: bool
) -> None:
    failure = convert(error)
    assert failure.type == kind
    assert failure.non_retryable is not retried


def test_the_delay_that_a_provider_asks_for_is_the_delay_before_the_next_attempt() -> None:
    failure = convert(Transient("busy", code="Throttling", retry_after=2.5))
    assert failure.next_retry_delay == timedelta(seconds=2.5)
    assert convert(Transient("busy", code="Throttling")).next_retry_delay is None


def test_the_cause_is_in_the_details_of_the_failure() -> None:
    error = Permanent("gone", code="NotFound", request_id="R-7", advice="Look.")
    (detail,) = convert(error).details
    cause = Cause.model_validate(detail)
    assert cause == Cause(code="NotFound", message="gone", advice="Look.", request_id="R-7")
    assert str(cause) == "NotFound: gone. Look."
    assert str(Cause(code="NotFound", message="gone")) == "NotFound: gone"


def test_the_text_of_an_unforeseen_error_stays_in_the_worker() -> None:
    failure = convert(RuntimeError(f"cannot parse {SECRET}"))
    assert SECRET not in f"{failure!r} {failure} {failure.details} {failure.message}"
    assert failure.__cause__ is None
    assert failure.__suppress_context__
    assert "RuntimeError" in failure.message


def test_an_application_error_passes_unchanged() -> None:
    error = ApplicationError("known", type="Known", non_retryable=True)
    assert convert(error) is error


def test_an_activity_that_succeeds_is_left_alone() -> None:
    with as_application_errors():
        result = 7
    assert result == 7


def test_a_cancelled_activity_is_no_error_of_ours() -> None:
    with pytest.raises(KeyboardInterrupt), as_application_errors():
        raise KeyboardInterrupt


def test_a_wait_is_retried_at_its_time_and_is_no_failure() -> None:
    error = convert(Waiting("a job runs", code="JobRunning", seconds=7))
    assert (error.type, error.non_retryable) == ("JobRunning", False)
    assert error.next_retry_delay == timedelta(seconds=7)
    assert error.category is ApplicationErrorCategory.BENIGN
