"""Reverification: deployed changes fail or drift, unverified ones are deployed."""

from datetime import UTC, datetime

import pytest

from domain.certificates.validation import describe_certificate
from domain.preflight.rules import parse_chain
from domain.tasks.messages import Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from operations.verification.reverification import (
    NOT_SERVED_LATER,
    ReverificationCounts,
    Reverifier,
    VerificationCounts,
)
from tests.support.attempts import NAME, Attempt, attempt

__all__ = ["attempt"]

STATUS = OutcomeStatus
NOWHERE = "127.0.0.9:1"


def build_reverifier(attempt: Attempt) -> Reverifier:
    return Reverifier(attempt.stack.store, attempt.pool, attempt.prober)


def verify_task(attempt: Attempt, wave: int | None = None) -> ReverificationCounts:
    return build_reverifier(attempt).verify_task("t1", wave, datetime.now(UTC))


def settle_quota(attempt: Attempt) -> int:
    """The charge of the task."""
    store = attempt.stack.store
    attempt.stack.grant_quota(1)
    store.quota.reserve("t1", 1, datetime.now(UTC))
    return store.quota.settle("t1", datetime.now(UTC)).charged


def code(outcome: OutcomeRecord) -> str | None:
    return outcome.cause.code if outcome.cause else None


def test_a_change_that_is_still_served_stays_deployed(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    before = attempt.outcome
    assert verify_task(attempt) == ReverificationCounts(deployed=1)
    assert attempt.outcome == before
    (seen,) = attempt.evidence("again")
    assert (seen.verified, seen.address) == (True, attempt.stack.cloud.edge)


def test_a_change_that_is_no_longer_served_fails_and_its_quota_stays_charged(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.deploy()
    theirs = attempt.stack.ca.leaf([NAME])
    attempt.stack.rebind(NAME, theirs)
    assert verify_task(attempt) == ReverificationCounts(failed=1)
    assert (attempt.outcome.status, code(attempt.outcome)) == (STATUS.FAILED, NOT_SERVED_LATER)
    assert attempt.outcome.cause is not None
    assert theirs.fingerprint[:12] in attempt.outcome.cause.message
    assert attempt.outcome.applied, "it can still be rolled back"
    assert [each.verified for each in attempt.evidence("again")] == [False]
    assert settle_quota(attempt) == 1
    assert verify_task(attempt) == ReverificationCounts(failed=1), "a repeated step counts alike"


def test_a_change_whose_address_does_not_answer_any_more_fails(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.stack.cloud.close_edge()
    assert verify_task(attempt) == ReverificationCounts(failed=1)
    assert attempt.outcome.cause is not None
    assert attempt.outcome.cause.code == NOT_SERVED_LATER
    assert "Connection refused" in attempt.outcome.cause.message
    (before,), (again,) = attempt.evidence("after"), attempt.evidence("again")
    assert (before.address, before.reached) == (again.address, True), "it answered before"
    assert (again.reached, again.observed) == (False, None)
    assert again.problem == "Connection refused"


def test_an_unverified_change_that_is_served_now_is_deployed(attempt: Attempt) -> None:
    attempt.install()
    attempt.set_probe_addresses(NOWHERE)
    attempt.deploy()
    assert attempt.outcome.status is STATUS.UNVERIFIED
    assert verify_task(attempt) == ReverificationCounts(unverified=1)
    assert (attempt.outcome.status, code(attempt.outcome)) == (STATUS.UNVERIFIED, "Unreachable")
    attempt.set_probe_addresses(attempt.stack.cloud.edge)
    assert verify_task(attempt) == ReverificationCounts(deployed=1)
    assert (attempt.outcome.status, attempt.outcome.cause) == (STATUS.DEPLOYED, None)
    assert settle_quota(attempt) == 1


def test_an_unverified_change_that_serves_another_certificate_fails(attempt: Attempt) -> None:
    attempt.install()
    attempt.set_probe_addresses(NOWHERE)
    attempt.stack.cloud.add_fault("unserved")
    attempt.deploy()
    attempt.set_probe_addresses(attempt.stack.cloud.edge)
    assert verify_task(attempt) == ReverificationCounts(failed=1)
    former = attempt.stack.fingerprints_before[NAME] or ""
    assert attempt.outcome.cause is not None
    assert former[:12] in attempt.outcome.cause.message


def test_only_the_wave_is_verified(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.stack.rebind(NAME, attempt.stack.ca.leaf([NAME]))
    assert verify_task(attempt, wave=1) == ReverificationCounts()
    assert attempt.outcome.status is STATUS.DEPLOYED
    assert verify_task(attempt, wave=0) == ReverificationCounts(failed=1)


@pytest.mark.parametrize("direction", [Direction.ROLL_BACK])
def test_a_rolled_back_change_is_not_verified(attempt: Attempt, direction: Direction) -> None:
    attempt.install()
    attempt.deploy()
    attempt.deploy(direction)
    assert verify_task(attempt) == ReverificationCounts()
    assert attempt.outcome.status is STATUS.ROLLED_BACK


def verify_all(attempt: Attempt) -> VerificationCounts:
    return build_reverifier(attempt).verify_all(datetime.now(UTC))


def list_drift_events(attempt: Attempt) -> list[str]:
    return [e.text for e in attempt.stack.store.tasks.list_events("t1") if e.code == "drift"]


def test_a_resource_that_serves_another_certificate_later_has_drifted_and_is_recorded_once(
    attempt: Attempt,
) -> None:
    attempt.install()
    attempt.deploy()
    store = attempt.stack.store
    assert verify_all(attempt) == VerificationCounts(verified=1)
    assert store.expiry.list_drifted().rows == []
    theirs = attempt.stack.ca.leaf([NAME])
    attempt.stack.rebind(NAME, theirs)
    assert verify_all(attempt) == VerificationCounts(drifted=1, new_drifts=1)
    (drift,) = store.expiry.list_drifted().rows
    assert (drift.deployed, drift.serves) == (attempt.new.fingerprint, theirs.fingerprint)
    assert (drift.address, drift.task_id) == (attempt.stack.cloud.edge, "t1")
    assert drift.problem is not None
    assert theirs.fingerprint[:12] in drift.problem
    assert store.expiry.count_resources().drifted == 1
    (line,) = list_drift_events(attempt)
    assert NAME in line
    assert theirs.fingerprint[:12] in line
    (seen,) = attempt.evidence("later")
    assert (seen.observed, seen.verified) == (theirs.fingerprint, False)
    assert verify_all(attempt) == VerificationCounts(drifted=1), "it is not new any more"
    assert len(list_drift_events(attempt)) == 1
    assert attempt.outcome.status is STATUS.DEPLOYED, "what the task did stays as it was"


def test_drift_that_is_fixed_is_no_longer_recorded(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.stack.cloud.add_edge_fault("leaf_only", NAME)
    assert verify_all(attempt) == VerificationCounts(drifted=1, new_drifts=1)
    (drift,) = attempt.stack.store.expiry.list_drifted().rows
    assert drift.serves == drift.deployed == attempt.new.fingerprint, "the chain has drifted"
    (seen,) = attempt.evidence("later")
    assert (seen.verified, seen.chain) == (False, (attempt.new.fingerprint,))
    assert describe_certificate(parse_chain(attempt.new)[1]) in (drift.problem or "")
    attempt.stack.cloud.clear_edge_faults()
    assert verify_all(attempt) == VerificationCounts(verified=1)
    assert attempt.stack.store.edge_drifts.list() == []
    assert attempt.stack.store.expiry.list_drifted().rows == []


def test_an_unreachable_resource_is_counted_and_no_drift(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.stack.cloud.close_edge()
    assert verify_all(attempt) == VerificationCounts(unreached=1)
    assert attempt.stack.store.expiry.list_drifted().rows == []


def test_a_rolled_back_deployment_is_not_verified(attempt: Attempt) -> None:
    attempt.install()
    attempt.deploy()
    attempt.deploy(Direction.ROLL_BACK)
    assert verify_all(attempt) == VerificationCounts()
