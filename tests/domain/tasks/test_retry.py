"""What a retry takes up: nothing that is deployed, nothing that a person cancelled."""

import pytest

from domain.cause import Cause
from domain.tasks.retry import (
    CANCELLED,
    ROLLBACK_REQUESTED,
    ROLLED_BACK_WITH_WAVE,
    STOPPED,
    TOO_MANY_FAILURES,
    build_failed_rollback_cause,
    build_rolled_back_cause,
    may_retry,
)
from domain.tasks.status import OUTCOME_TRANSITIONS
from domain.tasks.status import OutcomeStatus as S

CAUSE = Cause(code="NotServed", message="still serves another.", advice="Look.")


@pytest.mark.parametrize("status", [S.FAILED, S.UNVERIFIED])
def test_failed_and_unverified_changes_are_retried(status: S) -> None:
    assert may_retry(status, CAUSE)


@pytest.mark.parametrize("code", [STOPPED, TOO_MANY_FAILURES, "BadInput"])
def test_changes_that_were_skipped_because_the_task_stopped_are_retried(code: str) -> None:
    assert may_retry(S.SKIPPED, Cause(code=code, message=""))


@pytest.mark.parametrize("code", [CANCELLED, ROLLBACK_REQUESTED])
def test_changes_that_a_person_cancelled_are_not_retried(code: str) -> None:
    assert not may_retry(S.SKIPPED, Cause(code=code, message=""))


def test_rolled_back_changes_are_retried_only_if_the_task_itself_rolled_them_back() -> None:
    assert may_retry(S.ROLLED_BACK, build_rolled_back_cause(CAUSE))
    assert may_retry(
        S.ROLLED_BACK, build_rolled_back_cause(Cause(code=ROLLED_BACK_WITH_WAVE, message=""))
    )
    assert not may_retry(S.ROLLED_BACK, None)
    assert not may_retry(S.ROLLED_BACK, Cause(code="Accepted", message=""))


@pytest.mark.parametrize("status", list(S))
def test_every_status_that_is_retried_may_become_pending(status: S) -> None:
    if any(may_retry(status, cause) for cause in (None, CAUSE, build_rolled_back_cause(CAUSE))):
        assert S.PENDING in OUTCOME_TRANSITIONS[status]


def test_the_cause_of_an_automatic_rollback_keeps_what_was_wrong() -> None:
    cause = build_rolled_back_cause(CAUSE)
    assert (cause.code, cause.advice, cause.rolled_back) == (CAUSE.code, CAUSE.advice, True)
    assert cause.message.startswith("still serves another; ")


def test_the_cause_of_a_failed_automatic_rollback_keeps_both_problems() -> None:
    both = build_failed_rollback_cause(CAUSE, Cause(code="Locked", message="busy", advice="Wait."))
    assert (both.code, both.advice, both.rolled_back) == ("NotServed", "Wait.", False)
    assert both.message.startswith("still serves another; ")
    assert both.message.endswith(": Locked: busy")
