"""Second looks: what is no longer shown fails, what nobody could see and is shown is deployed."""

from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.reverification import LookAgain, SecondLook, Verification, Verified
from domain.tasks.messages import Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from tests.activities.attempts import NAME, Attempt, attempt

__all__ = ["attempt"]

STATUS = OutcomeStatus
NOWHERE = "127.0.0.9:1"


def look_again(attempt: Attempt, wave: int | None = None) -> SecondLook:
    verification = Verification(attempt.house.store, attempt.clouds, attempt.heart, attempt.eyes)
    asked = LookAgain(task_id="t1", wave=wave, at=datetime.now(UTC))
    return ActivityEnvironment().run(verification.look_again, asked)


def quota_flag(attempt: Attempt) -> int:
    """What the task has to pay for."""
    store = attempt.house.store
    attempt.house.grant(1)
    store.quota.reserve("t1", 1, datetime.now(UTC))
    return store.quota.settle("t1", datetime.now(UTC)).charged


def code(outcome: OutcomeRecord) -> str | None:
    return outcome.cause.code if outcome.cause else None


def test_what_is_still_shown_stays_deployed(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    before = attempt.outcome
    assert look_again(attempt) == SecondLook(deployed=1)
    assert attempt.outcome == before
    (seen,) = attempt.evidence("again")
    assert (seen.verified, seen.address) == (True, attempt.house.cloud.edge)


def test_what_is_no_longer_shown_fails_and_its_quota_stays_spent(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    theirs = attempt.house.ca.leaf([NAME])
    attempt.house.rebind(NAME, theirs)
    assert look_again(attempt) == SecondLook(failed=1)
    assert (attempt.outcome.status, code(attempt.outcome)) == (STATUS.FAILED, "NotServedLater")
    assert attempt.outcome.cause is not None
    assert theirs.fingerprint[:12] in attempt.outcome.cause.message
    assert attempt.outcome.applied, "it can still be taken back"
    assert [each.verified for each in attempt.evidence("again")] == [False]
    assert quota_flag(attempt) == 1
    assert look_again(attempt) == SecondLook(failed=1), "a repeated step counts alike"


def test_what_does_not_answer_any_more_fails(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.house.cloud.close_edge()
    assert look_again(attempt) == SecondLook(failed=1)
    assert attempt.outcome.cause is not None
    assert "does not any more: Connection refused" in attempt.outcome.cause.message


def test_what_nobody_could_see_and_shows_it_now_is_deployed(attempt: Attempt) -> None:
    attempt.install()
    attempt.look_from(NOWHERE)
    attempt.deploy()
    assert attempt.outcome.status is STATUS.UNVERIFIED
    assert look_again(attempt) == SecondLook(unverified=1)
    assert (attempt.outcome.status, code(attempt.outcome)) == (STATUS.UNVERIFIED, "Unreachable")
    attempt.look_from(attempt.house.cloud.edge)
    assert look_again(attempt) == SecondLook(deployed=1)
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.DEPLOYED, None)
    assert quota_flag(attempt) == 1


def test_what_nobody_could_see_and_shows_another_one_fails(attempt: Attempt) -> None:
    attempt.install()
    attempt.look_from(NOWHERE)
    attempt.house.cloud.fault("unserved")
    attempt.deploy()
    attempt.look_from(attempt.house.cloud.edge)
    assert look_again(attempt) == SecondLook(failed=1)
    former = attempt.house.former[NAME] or ""
    assert attempt.outcome.cause is not None
    assert former[:12] in attempt.outcome.cause.message


def test_only_the_wave_is_looked_at(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.house.rebind(NAME, attempt.house.ca.leaf([NAME]))
    assert look_again(attempt, wave=1) == SecondLook()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert look_again(attempt, wave=0) == SecondLook(failed=1)


@pytest.mark.parametrize("direction", [Direction.ROLL_BACK])
def test_what_was_taken_back_is_not_looked_at(attempt: Attempt, direction: Direction) -> None:
    attempt.install()
    attempt.deploy()
    attempt.deploy(direction)
    assert look_again(attempt) == SecondLook()
    assert attempt.outcome.status is STATUS.ROLLED_BACK


def verify_all(attempt: Attempt) -> Verified:
    verification = Verification(attempt.house.store, attempt.clouds, attempt.heart, attempt.eyes)
    return ActivityEnvironment().run(verification.verify_all, datetime.now(UTC))


def audit(attempt: Attempt) -> list[str]:
    return [e.text for e in attempt.house.store.tasks.events("t1") if e.kind == "drift"]


def test_what_shows_another_certificate_later_has_drifted_and_is_told_once(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.deploy()
    store = attempt.house.store
    assert verify_all(attempt) == Verified(shown=1)
    assert store.expiry.drifted().rows == []
    theirs = attempt.house.ca.leaf([NAME])
    attempt.house.rebind(NAME, theirs)
    assert verify_all(attempt) == Verified(drifted=1, news=1)
    (drift,) = store.expiry.drifted().rows
    assert (drift.deployed, drift.serves) == (attempt.new.fingerprint, theirs.fingerprint)
    assert (drift.address, drift.task_id) == (attempt.house.cloud.edge, "t1")
    assert drift.problem is not None
    assert theirs.fingerprint[:12] in drift.problem
    assert store.expiry.counts().drifted == 1
    (line,) = audit(attempt)
    assert NAME in line
    assert theirs.fingerprint[:12] in line
    (seen,) = attempt.evidence("later")
    assert (seen.seen, seen.verified) == (theirs.fingerprint, False)
    assert verify_all(attempt) == Verified(drifted=1), "that is no news any more"
    assert len(audit(attempt)) == 1
    assert attempt.outcome.status is STATUS.DEPLOYED, "what the task did stays as it was"


def test_drift_that_is_mended_is_drift_no_more(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.house.cloud.edge_fault("leaf_only", NAME)
    assert verify_all(attempt) == Verified(drifted=1, news=1)
    (drift,) = attempt.house.store.expiry.drifted().rows
    assert "without the intermediate" in (drift.problem or "")
    attempt.house.cloud.clear_edge_faults()
    assert verify_all(attempt) == Verified(shown=1)
    assert attempt.house.store.edge_drifts.list() == []
    assert attempt.house.store.expiry.drifted().rows == []


def test_what_cannot_be_reached_is_counted_and_no_drift(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.house.cloud.close_edge()
    assert verify_all(attempt) == Verified(unreached=1)
    assert attempt.house.store.expiry.drifted().rows == []


def test_what_was_taken_back_is_not_looked_for(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.deploy(Direction.ROLL_BACK)
    assert verify_all(attempt) == Verified()
