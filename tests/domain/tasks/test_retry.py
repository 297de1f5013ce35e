"""What a retry takes up: nothing that is deployed, nothing that a person called off."""

import pytest

from domain.cause import Cause
from domain.tasks.retry import (
    CANCELLED,
    ROLLED_BACK_BEFORE,
    STOPPED,
    TAKEN_BACK,
    TOO_MANY_FAILURES,
    may_be_retried,
    not_taken_back,
    taken_back,
)
from domain.tasks.status import OUTCOME_TRANSITIONS
from domain.tasks.status import OutcomeStatus as S

CAUSE = Cause(code="NotServed", message="still serves another.", advice="Look.")


@pytest.mark.parametrize("status", [S.FAILED, S.UNVERIFIED])
def test_what_failed_or_was_not_verified_is_tried_again(status: S) -> None:
    assert may_be_retried(status, CAUSE)


@pytest.mark.parametrize("code", [STOPPED, TOO_MANY_FAILURES, "BadInput"])
def test_what_was_skipped_since_the_task_stopped_is_tried_again(code: str) -> None:
    assert may_be_retried(S.SKIPPED, Cause(code=code, message=""))


@pytest.mark.parametrize("code", [CANCELLED, ROLLED_BACK_BEFORE])
def test_what_a_person_called_off_is_not(code: str) -> None:
    assert not may_be_retried(S.SKIPPED, Cause(code=code, message=""))


def test_of_what_is_back_only_what_the_task_itself_took_back_is_tried_again() -> None:
    assert may_be_retried(S.ROLLED_BACK, taken_back(CAUSE))
    assert may_be_retried(S.ROLLED_BACK, taken_back(Cause(code=TAKEN_BACK, message="")))
    assert not may_be_retried(S.ROLLED_BACK, None)
    assert not may_be_retried(S.ROLLED_BACK, Cause(code="Accepted", message=""))


@pytest.mark.parametrize("status", list(S))
def test_whatever_is_tried_again_may_become_pending(status: S) -> None:
    if any(may_be_retried(status, cause) for cause in (None, CAUSE, taken_back(CAUSE))):
        assert S.PENDING in OUTCOME_TRANSITIONS[status]


def test_causes_keep_what_was_wrong_and_say_what_became_of_it() -> None:
    assert taken_back(CAUSE).message == "still serves another; it was taken back"
    both = not_taken_back(CAUSE, Cause(code="Locked", message="busy", advice="Wait."))
    assert (both.code, both.advice, both.taken_back) == ("NotServed", "Wait.", False)
    assert both.message == "still serves another; taking it back failed too: Locked: busy"
