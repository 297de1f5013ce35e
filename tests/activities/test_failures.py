"""Which errors are tried again, what the engine is told of them, and what it is not."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.failures import told_to_the_engine
from domain.cause import Cause
from domain.errors import (
    BadInput,
    CertrollError,
    Drifted,
    NeedsOperator,
    NotServed,
    Permanent,
    Transient,
)

SECRET = "-----BEGIN PRIVATE KEY-----"


def told(error: BaseException) -> ApplicationError:
    """What the engine is told when a step fails by this error."""
    with pytest.raises(ApplicationError) as caught, told_to_the_engine():
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
def test_each_kind_of_error_is_told_by_its_type_and_retried_or_not(
    error: Exception, kind: str, retried: bool
) -> None:
    failure = told(error)
    assert failure.type == kind
    assert failure.non_retryable is not retried


def test_the_delay_that_a_provider_asks_for_is_the_delay_before_the_next_attempt() -> None:
    failure = told(Transient("busy", code="Throttling", retry_after=2.5))
    assert failure.next_retry_delay == timedelta(seconds=2.5)
    assert told(Transient("busy", code="Throttling")).next_retry_delay is None


def test_what_a_person_needs_travels_as_the_cause() -> None:
    error = Permanent("gone", code="NotFound", request_id="R-7", advice="Look.")
    (detail,) = told(error).details
    cause = Cause.model_validate(detail)
    assert cause == Cause(code="NotFound", message="gone", advice="Look.", request_id="R-7")
    assert str(cause) == "NotFound: gone Look."
    assert str(Cause(code="NotFound", message="gone")) == "NotFound: gone"


def test_bad_input_keeps_its_fix_as_advice() -> None:
    cause = Cause.from_error(BadInput("the name is taken", where="--name", fix="Take another."))
    assert cause == Cause(code="BadInput", message="the name is taken", advice="Take another.")


def test_any_other_error_of_ours_is_told_in_its_own_words() -> None:
    assert Cause.from_error(CertrollError("sealed by key kek-9")) == Cause(
        code="CertrollError", message="sealed by key kek-9"
    )


def test_the_text_of_an_unforeseen_error_stays_in_the_worker() -> None:
    failure = told(RuntimeError(f"cannot parse {SECRET}"))
    assert SECRET not in f"{failure!r} {failure} {failure.details} {failure.message}"
    assert failure.__cause__ is None
    assert failure.__suppress_context__
    assert "RuntimeError" in failure.message


def test_what_was_told_already_passes_unchanged() -> None:
    error = ApplicationError("told", type="Told", non_retryable=True)
    assert told(error) is error


def test_a_step_that_succeeds_is_left_alone() -> None:
    with told_to_the_engine():
        result = 7
    assert result == 7


def test_a_cancelled_step_is_no_error_of_ours() -> None:
    with pytest.raises(KeyboardInterrupt), told_to_the_engine():
        raise KeyboardInterrupt
