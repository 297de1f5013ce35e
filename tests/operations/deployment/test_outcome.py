"""The causes with which changes end."""

from domain.cause import Cause
from domain.plans.plan import Change
from domain.tasks.messages import Direction
from domain.tasks.record import OutcomeRecord
from operations.deployment.outcome import (
    FailedChange,
    build_failure_cause,
    build_success_cause,
    build_unverifiable_cause,
)
from storage.store import Store
from tests.support.attempts import build_order
from tests.support.stored_examples import CAUSE, build_change, create_task


def test_the_cause_of_an_automatic_rollback_has_its_reason_and_whether_it_was_verified() -> None:
    unverified = Cause(code="Unreachable", message="no address answers", unverified=True)
    assert build_success_cause(None, None) is None
    assert build_success_cause(None, unverified) == unverified
    for why in (CAUSE, unverified):
        verified, unknown = build_success_cause(why, None), build_success_cause(why, unverified)
        assert verified is not None
        assert unknown is not None
        assert (verified.code, verified.rolled_back, verified.unverified) == (why.code, True, False)
        assert (unknown.code, unknown.unverified) == (why.code, True)
        assert "no address answers" in unknown.message


def test_only_an_unverifiable_change_ends_as_accepted() -> None:
    assert build_unverifiable_cause(build_change()) is None
    cause = build_unverifiable_cause(build_change().model_copy(update={"unverifiable": "SM2 only"}))
    assert cause is not None
    assert (cause.code, cause.unverified) == ("Accepted", True)
    assert "SM2 only" in cause.message


def test_a_failure_says_why_an_irreversible_change_is_not_rolled_back(store: Store) -> None:
    create_task(store, "task-1", size=1)
    pending = store.tasks.outcomes.get("task-1", 0)

    def build_record(change: Change, *, applied: bool) -> OutcomeRecord:
        return pending.model_copy(update={"change": change, "applied": applied})

    fixed = build_change().model_copy(update={"not_reversible": "nobody kept the former"})
    deploy, back = (
        FailedChange(order=build_order(direction), cause=CAUSE)
        for direction in (Direction.DEPLOY, Direction.ROLL_BACK)
    )
    explained = build_failure_cause(deploy, build_record(fixed, applied=True))
    assert explained.code == CAUSE.code
    assert explained.message.startswith(CAUSE.message)
    assert explained.message.endswith("nobody kept the former")
    for failed, record in (
        (deploy, build_record(fixed, applied=False)),
        (deploy, build_record(build_change(), applied=True)),
        (back, build_record(fixed, applied=True)),
    ):
        assert build_failure_cause(failed, record) == CAUSE
