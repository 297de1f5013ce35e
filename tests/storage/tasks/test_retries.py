"""Rounds of a task: its waves against their budgets, what a retry takes up, what it costs."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text

from domain.cause import Cause
from domain.errors import BadInput
from domain.plans.quota import EntryKind
from domain.rollout.policy import RolloutPolicy, Size
from domain.rollout.stage import WaveFacts
from domain.tasks.messages import Direction
from domain.tasks.retry import (
    TOO_MANY_FAILURES,
    AutomaticRollback,
    ReopenedChanges,
    build_rolled_back_cause,
)
from domain.tasks.status import OutcomeStatus as S
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import (
    CAUSE,
    LATER,
    NOW,
    build_plan,
    build_resource,
    build_task_record,
    create_task,
)

TASK = "task-1"
BUDGET_EXCEEDED = Cause(code=TOO_MANY_FAILURES, message="2 of 4")
DRIFTED = Cause(code="Drifted", message="another")


def end(store: Store, ordinal: int, *ends: S, cause: Cause | None = None) -> None:
    """Through all of these, with the cause at the last."""
    outcomes = store.tasks.outcomes
    for status in ends:
        direction = S.ROLLING_BACK if status in (S.ROLLED_BACK, S.ROLLBACK_FAILED) else S.DEPLOYING
        attempt = outcomes.begin_attempt(TASK, ordinal, direction, NOW).attempts
        assert outcomes.mark_applied(TASK, ordinal, attempt)
        outcomes.end_attempt(TASK, ordinal, status, NOW, cause if status is ends[-1] else None)


def in_waves(store: Store, size: int = 5, **policy: object) -> RolloutPolicy:
    """The first change is the canary, then two, then the rest."""
    first = (build_resource(0).id,)
    rollout = RolloutPolicy.model_validate(
        {"canary_resources": first, "waves": [{"count": 2}], **policy}
    )
    made = build_plan(size)
    task = build_task_record(made, TASK).model_copy(update={"rollout": rollout})
    store.tasks.create(task, made)
    return rollout


def undone(store: Store, wave: int | None, undoing: AutomaticRollback) -> dict[int, str | None]:
    orders = store.tasks.outcomes.list_orders(
        TASK, -1, 100, Direction.ROLL_BACK, None, wave, automatic_rollback=undoing
    )
    return {
        order.ordinal: order.rollback_cause.code if order.rollback_cause else None
        for order in orders
    }


def test_the_canary_has_its_own_budget_and_all_other_waves_share_one(store: Store) -> None:
    rollout = in_waves(store, budget=Size(percent=50))
    end(store, 0, S.DEPLOYED)
    end(store, 1, S.FAILED, cause=CAUSE)
    end(store, 4, S.FAILED, cause=CAUSE)
    facts = store.tasks.retries.get_wave_facts
    assert facts(TASK, 0, 0, rollout) == WaveFacts(changes=1, failed=0, total=1, allowed=0)
    assert facts(TASK, 0, 1, rollout) == WaveFacts(changes=2, failed=2, total=4, allowed=2)
    assert not facts(TASK, 0, 2, rollout).is_over_budget
    end(store, 2, S.FAILED, cause=CAUSE)
    assert facts(TASK, 0, 2, rollout).is_over_budget


def test_a_change_rolled_back_after_a_failure_counts_as_failed(store: Store) -> None:
    rollout = in_waves(store)
    end(store, 0, S.FAILED, S.ROLLED_BACK, cause=build_rolled_back_cause(CAUSE))
    assert store.tasks.retries.get_wave_facts(TASK, 0, 0, rollout).failed == 1


def test_a_success_rolled_back_with_its_wave_does_not_count_as_failed(store: Store) -> None:
    rollout = in_waves(store)
    reason = build_rolled_back_cause(Cause(code="rolled-back-with-wave", message="2 of 4 failed"))
    end(store, 0, S.DEPLOYED, S.ROLLED_BACK, cause=reason)
    assert store.tasks.retries.get_wave_facts(TASK, 0, 0, rollout).failed == 0


@pytest.mark.parametrize(("accepted", "failed"), [(True, 0), (False, 1)])
def test_what_nobody_could_verify_counts_unless_it_is_accepted(
    store: Store, accepted: bool, failed: int
) -> None:
    rollout = in_waves(store, accept_unverified=accepted)
    end(store, 0, S.UNVERIFIED)
    assert store.tasks.retries.get_wave_facts(TASK, 0, 0, rollout).failed == failed


def test_an_automatic_rollback_includes_failed_changes_and_excludes_drifted_ones(
    store: Store,
) -> None:
    create_task(store, size=4)
    end(store, 0, S.DEPLOYED)
    end(store, 1, S.FAILED, cause=CAUSE)
    end(store, 2, S.FAILED, cause=DRIFTED)
    assert undone(store, 0, AutomaticRollback(round=0)) == {1: "NotServed"}
    whole = AutomaticRollback(round=0, reason=BUDGET_EXCEEDED)
    assert undone(store, 0, whole) == {0: TOO_MANY_FAILURES, 1: "NotServed"}
    assert undone(store, 1, whole) == {}
    assert undone(store, None, AutomaticRollback(round=1, reason=BUDGET_EXCEEDED)) == {}


def test_a_failed_irreversible_change_stays_failed_when_its_wave_is_rolled_back(
    store: Store,
) -> None:
    made = build_plan(3)
    no_rollback = {"not_reversible": "nobody has the former key"}
    changes = (made.changes[0], *(each.model_copy(update=no_rollback) for each in made.changes[1:]))
    made = made.model_copy(update={"changes": changes})
    store.tasks.create(build_task_record(made, TASK), made)
    end(store, 0, S.FAILED, cause=CAUSE)
    end(store, 1, S.FAILED, cause=CAUSE)
    end(store, 2, S.DEPLOYED)
    assert undone(store, 0, AutomaticRollback(round=0)) == {0: "NotServed"}
    whole = AutomaticRollback(round=0, reason=BUDGET_EXCEEDED)
    assert undone(store, 0, whole) == {0: "NotServed", 2: TOO_MANY_FAILURES}


def test_a_retry_lets_wait_again_what_failed_and_reserves_for_it(store: Store) -> None:
    create_task(store, size=4)
    store.quota.grant(4, "", NOW)
    store.quota.reserve(TASK, 4, NOW)
    end(store, 0, S.DEPLOYED)
    end(store, 1, S.FAILED, cause=CAUSE)
    end(store, 2, S.FAILED, S.ROLLED_BACK, cause=build_rolled_back_cause(CAUSE))
    store.tasks.outcomes.skip(TASK, None, NOW, BUDGET_EXCEEDED)
    store.quota.settle(TASK, NOW)
    assert store.quota.get_balance() == 3
    for _ in range(2):
        assert store.tasks.retries.reopen(TASK, 1, None, LATER) == ReopenedChanges(
            changes=3, cost=3
        )
        assert store.quota.get_balance() == 0
    listed = store.tasks.outcomes.list(TASK)
    assert [each.status for each in listed] == [S.DEPLOYED, S.PENDING, S.PENDING, S.PENDING]
    assert [each.applied for each in listed] == [True, True, False, False]
    assert {each.cause for each in listed} == {None}


def test_a_retry_that_was_begun_is_not_begun_again_by_a_late_repetition(store: Store) -> None:
    create_task(store, size=1, cost=0)
    end(store, 0, S.FAILED, cause=CAUSE)
    reopen = store.tasks.retries.reopen
    assert reopen(TASK, 1, None, NOW).changes == 1
    end(store, 0, S.FAILED, cause=CAUSE)
    reopen(TASK, 1, None, NOW)
    assert store.tasks.outcomes.get(TASK, 0).status is S.FAILED


def test_a_retry_takes_only_what_is_named(store: Store) -> None:
    create_task(store, size=3, cost=0)
    for ordinal in range(3):
        end(store, ordinal, S.FAILED, cause=CAUSE)
    one = store.tasks.outcomes.get(TASK, 1).change.resource.id
    assert store.tasks.retries.reopen(TASK, 1, [one], NOW).changes == 1
    assert store.tasks.outcomes.get_tally(TASK).failed == 2


def test_too_little_quota_lets_nothing_wait_again(store: Store) -> None:
    create_task(store, size=1)
    end(store, 0, S.FAILED, cause=CAUSE)
    with pytest.raises(BadInput, check=has_code("quota-exceeded", "1", "0")):
        store.tasks.retries.reopen(TASK, 1, None, NOW)
    assert store.tasks.outcomes.get(TASK, 0).status is S.FAILED


def test_what_was_paid_for_once_is_not_paid_for_again(store: Store) -> None:
    create_task(store, size=1)
    store.quota.grant(1, "", NOW)
    store.quota.reserve(TASK, 1, NOW)
    reason = build_rolled_back_cause(Cause(code="rolled-back-with-wave", message="others failed"))
    end(store, 0, S.DEPLOYED, S.ROLLED_BACK, cause=reason)
    store.quota.settle(TASK, NOW)
    assert store.quota.get_balance() == 0
    assert store.tasks.retries.reopen(TASK, 1, None, NOW) == ReopenedChanges(changes=1, cost=0)
    end(store, 0, S.DEPLOYED)
    settled = store.quota.settle(TASK, NOW)
    assert (settled.charged, settled.refunded) == (1, 0)


def test_what_was_begun_and_is_tried_no_more_fails_by_its_own_cause(store: Store) -> None:
    create_task(store, size=2)
    outcomes = store.tasks.outcomes
    for ordinal in range(2):
        outcomes.begin_attempt(TASK, ordinal, S.DEPLOYING, NOW)
    outcomes.record_cause(TASK, 0, CAUSE)
    assert outcomes.get(TASK, 0).status is S.DEPLOYING
    assert outcomes.fail_unfinished(TASK, LATER, BUDGET_EXCEEDED) == 2
    assert [each.cause for each in outcomes.list(TASK)] == [CAUSE, BUDGET_EXCEEDED]
    assert {each.status for each in outcomes.list(TASK)} == {S.FAILED}
    outcomes.record_cause(TASK, 0, BUDGET_EXCEEDED)
    assert outcomes.get(TASK, 0).cause == CAUSE


ENDS = st.sampled_from([S.DEPLOYED, S.UNVERIFIED, S.FAILED])


@examples(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.lists(ENDS, min_size=4, max_size=4), min_size=1, max_size=5))
def test_any_number_of_rounds_keeps_the_ledger_balanced(
    store: Store, rounds: list[list[S]]
) -> None:
    with store.database.statements() as connection:
        for table in ("quota_entry", "change", "task_certificate", "task"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of ours
    create_task(store, size=4)
    store.quota.grant(4, "", NOW)
    store.quota.reserve(TASK, 4, NOW)
    for number, ends in enumerate(rounds):
        if number:
            store.tasks.retries.reopen(TASK, number, None, NOW)
        for ordinal, status in enumerate(ends):
            if store.tasks.outcomes.get(TASK, ordinal).status is S.PENDING:
                end(store, ordinal, status, cause=CAUSE)
        for _ in range(2):
            store.quota.settle(TASK, NOW)
        entries = store.quota.list_entries(TASK)
        sums = {kind: sum(e.amount for e in entries if e.kind is kind) for kind in EntryKind}
        assert sums[EntryKind.RESERVE] == sums[EntryKind.CHARGE] + sums[EntryKind.REFUND]
        assert store.quota.get_balance() == 4 - sums[EntryKind.CHARGE]
        assert sums[EntryKind.CHARGE] <= 4
