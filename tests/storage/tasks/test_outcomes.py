"""Outcomes: each write one legal move, repeated without harm, from many threads at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from domain.rollout.policy import RolloutPolicy, Size
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus, Tally, may_become
from storage.store import Store
from tests.support.stored_examples import (
    CAUSE,
    LATER,
    NOW,
    build_plan,
    build_resource,
    build_task_record,
    create_task,
)

S = OutcomeStatus
FINAL = {S.DEPLOYED, S.UNVERIFIED, S.FAILED, S.SKIPPED, S.ROLLED_BACK, S.ROLLBACK_FAILED}
PATHS: dict[S, tuple[S, ...]] = {
    S.PENDING: (),
    S.DEPLOYING: (S.DEPLOYING,),
    S.DEPLOYED: (S.DEPLOYING, S.DEPLOYED),
    S.UNVERIFIED: (S.DEPLOYING, S.UNVERIFIED),
    S.FAILED: (S.DEPLOYING, S.FAILED),
    S.SKIPPED: (S.SKIPPED,),
    S.ROLLING_BACK: (S.DEPLOYING, S.DEPLOYED, S.ROLLING_BACK),
    S.ROLLED_BACK: (S.DEPLOYING, S.DEPLOYED, S.ROLLING_BACK, S.ROLLED_BACK),
    S.ROLLBACK_FAILED: (S.DEPLOYING, S.DEPLOYED, S.ROLLING_BACK, S.ROLLBACK_FAILED),
}


def move(store: Store, ordinal: int, status: S, task_id: str = "task-1") -> None:
    if status in FINAL:
        store.tasks.outcomes.end_attempt(task_id, ordinal, status, LATER, None)
    else:
        store.tasks.outcomes.begin_attempt(task_id, ordinal, status, NOW)


def walk(store: Store, ordinal: int, to: S, *, applied: bool = True) -> None:
    for status in PATHS[to]:
        move(store, ordinal, status)
        if applied and status is S.DEPLOYING:
            assert store.tasks.outcomes.mark_applied("task-1", ordinal, 1)


def ordinals(store: Store, direction: Direction, **given: object) -> list[int]:
    after, limit, only = given.get("after", -1), given.get("limit", 100), given.get("only")
    assert isinstance(after, int)
    assert isinstance(limit, int)
    assert only is None or isinstance(only, list)
    orders = store.tasks.outcomes.list_orders("task-1", after, limit, direction, only)
    return [order.ordinal for order in orders]


def test_one_change_is_followed_from_its_beginning_to_its_rollback(store: Store) -> None:
    made = create_task(store)
    outcomes = store.tasks.outcomes
    start = OutcomeRecord(task_id="task-1", ordinal=1, change=made.changes[1], status=S.PENDING)
    assert outcomes.get("task-1", 1) == start
    begun = outcomes.begin_attempt("task-1", 1, S.DEPLOYING, NOW)
    assert begun == start.model_copy(
        update={"status": S.DEPLOYING, "attempts": 1, "started_at": NOW}
    )
    assert outcomes.mark_applied("task-1", 1, 1)
    assert outcomes.mark_applied("task-1", 1, 1)
    again = outcomes.begin_attempt("task-1", 1, S.DEPLOYING, LATER)
    assert (again.attempts, again.started_at, again.applied) == (2, NOW, True)
    outcomes.end_attempt("task-1", 1, S.FAILED, LATER, CAUSE)
    failed = outcomes.get("task-1", 1)
    assert (failed.status, failed.ended_at, failed.cause) == (S.FAILED, LATER, CAUSE)
    assert failed.ended_at is not None
    assert failed.ended_at.utcoffset() == timedelta(0)
    back = outcomes.begin_attempt("task-1", 1, S.ROLLING_BACK, LATER)
    assert (back.attempts, back.cause, back.ended_at) == (3, CAUSE, LATER)
    outcomes.end_attempt("task-1", 1, S.ROLLED_BACK, LATER + timedelta(days=1), None)
    ended = outcomes.get("task-1", 1)
    assert (ended.status, ended.cause, ended.applied) == (S.ROLLED_BACK, None, True)
    assert outcomes.get("task-1", 0) == start.model_copy(
        update={"ordinal": 0, "change": made.changes[0]}
    )


@pytest.mark.parametrize("now", list(S))
def test_only_legal_transitions_are_made(store: Store, now: S) -> None:
    create_task(store, size=len(S))
    for ordinal, then in enumerate(S):
        walk(store, ordinal, now)
        before = store.tasks.outcomes.get("task-1", ordinal)
        ends = then not in FINAL or now in (then, S.PENDING, S.DEPLOYING, S.ROLLING_BACK)
        if then is not S.PENDING and may_become(now, then) and ends:
            move(store, ordinal, then)
            assert store.tasks.outcomes.get("task-1", ordinal).status is then
        else:
            with pytest.raises(ValueError, match=str(then)):
                move(store, ordinal, then)
            assert store.tasks.outcomes.get("task-1", ordinal) == before


def test_a_status_that_neither_begins_nor_ends_an_attempt_is_refused(store: Store) -> None:
    create_task(store)
    with pytest.raises(ValueError, match="deployed"):
        store.tasks.outcomes.begin_attempt("task-1", 0, S.DEPLOYED, NOW)
    with pytest.raises(ValueError, match="deploying"):
        store.tasks.outcomes.end_attempt("task-1", 0, S.DEPLOYING, NOW, None)


def test_the_same_final_status_again_keeps_the_first(store: Store) -> None:
    create_task(store)
    move(store, 0, S.DEPLOYING)
    store.tasks.outcomes.end_attempt("task-1", 0, S.FAILED, NOW, CAUSE)
    store.tasks.outcomes.end_attempt("task-1", 0, S.FAILED, LATER, None)
    kept = store.tasks.outcomes.get("task-1", 0)
    assert (kept.ended_at, kept.cause) == (NOW, CAUSE)


def test_a_change_that_does_not_exist_is_an_error(store: Store) -> None:
    create_task(store)
    outcomes = store.tasks.outcomes
    with pytest.raises(LookupError, match=r"task-1.*9"):
        outcomes.get("task-1", 9)
    with pytest.raises(LookupError):
        outcomes.begin_attempt("task-1", 9, S.DEPLOYING, NOW)
    assert not outcomes.mark_applied("task-1", 9, 1)
    with pytest.raises(LookupError):
        outcomes.end_attempt("nothing", 0, S.DEPLOYED, NOW, None)


def test_orders_to_deploy_are_those_that_have_not_ended(store: Store) -> None:
    create_task(store, size=10)
    for ordinal, status in enumerate(S):
        walk(store, ordinal, status)
    states = [one.status for one in store.tasks.outcomes.list("task-1")]
    assert states == [*S, S.PENDING]
    assert ordinals(store, Direction.DEPLOY) == [0, 1, 9]
    assert ordinals(store, Direction.DEPLOY, after=0, limit=1) == [1]
    assert ordinals(store, Direction.DEPLOY, after=9) == []
    assert ordinals(store, Direction.DEPLOY, only=[build_resource(9).id, build_resource(3).id]) == [
        9
    ]
    order = store.tasks.outcomes.list_orders("task-1", 8, 9, Direction.DEPLOY, None)
    assert order == [
        ChangeOrder(
            task_id="task-1",
            ordinal=9,
            direction=Direction.DEPLOY,
            label=build_resource(9).id,
            account="main",
            service="alibaba.cdn",
        )
    ]


@pytest.mark.parametrize("applied", [True, False])
def test_orders_to_roll_back_are_those_that_may_have_changed(store: Store, applied: bool) -> None:
    create_task(store, size=9)
    for ordinal, status in enumerate(S):
        walk(store, ordinal, status, applied=applied)
    those = (S.DEPLOYED, S.UNVERIFIED, S.FAILED, S.ROLLING_BACK, S.ROLLBACK_FAILED)
    wanted = [list(S).index(s) for s in those]
    assert ordinals(store, Direction.ROLL_BACK) == (sorted(wanted) if applied else [])
    if applied:
        assert ordinals(store, Direction.ROLL_BACK, only=[build_resource(2).id]) == [2]
        assert ordinals(store, Direction.ROLL_BACK, only=[], limit=5) == []


def test_thousands_of_resources_may_be_chosen(store: Store) -> None:
    create_task(store, size=1200)
    chosen = [build_resource(number).id for number in range(0, 60_000, 2)]
    assert ordinals(store, Direction.DEPLOY, only=chosen, after=10, limit=3) == [12, 14, 16]
    assert store.tasks.outcomes.skip("task-1", chosen, NOW, CAUSE) == 600
    assert store.tasks.outcomes.get_tally("task-1") == Tally(pending=600, skipped=600)
    assert len(store.tasks.outcomes.find_unknown("task-1", chosen)) == 30_000 - 600


def test_only_pending_changes_are_skipped(store: Store) -> None:
    create_task(store, size=4)
    move(store, 0, S.DEPLOYING)
    assert store.tasks.outcomes.skip("task-1", [build_resource(0).id], LATER, CAUSE) == 0
    assert store.tasks.outcomes.skip("task-1", [build_resource(3).id], LATER, CAUSE) == 1
    assert store.tasks.outcomes.skip("task-1", None, LATER, CAUSE) == 2
    assert store.tasks.outcomes.skip("task-1", None, LATER, CAUSE) == 0
    skipped = store.tasks.outcomes.list("task-1", S.SKIPPED)
    assert [one.ordinal for one in skipped] == [1, 2, 3]
    assert {(one.cause, one.ended_at) for one in skipped} == {(CAUSE, LATER)}


def test_what_the_task_does_not_change_is_named(store: Store) -> None:
    create_task(store)
    asked = ["x", build_resource(1).id, "a"]
    assert store.tasks.outcomes.find_unknown("task-1", asked) == ["x", "a"]
    assert store.tasks.outcomes.find_unknown("task-1", []) == []


def test_a_hundred_threads_lose_nothing(store: Store) -> None:
    create_task(store, size=300)

    def deploy(ordinal: int) -> None:
        for _ in range(2):
            move(store, ordinal, S.DEPLOYING)
        assert store.tasks.outcomes.mark_applied("task-1", ordinal, 2)
        move(store, ordinal, S.DEPLOYED)
        assert store.tasks.outcomes.get("task-1", ordinal).status is S.DEPLOYED

    with ThreadPoolExecutor(100) as pool:
        list(pool.map(deploy, range(300)))
    assert store.tasks.outcomes.get_tally("task-1") == Tally(deployed=300)
    ended = store.tasks.outcomes.list("task-1")
    assert {(one.attempts, one.applied) for one in ended} == {(2, True)}


def test_orders_are_of_one_wave_or_of_all_and_each_wave_is_counted(store: Store) -> None:
    made = build_plan(7)
    policy = RolloutPolicy(canary_resources=(build_resource(4).id,), waves=(Size(count=3),))
    store.tasks.create(build_task_record(made).model_copy(update={"rollout": policy}), made)
    outcomes = store.tasks.outcomes

    def places(wave: int | None, after: int = -1, limit: int = 100) -> list[int]:
        found = outcomes.list_orders("task-1", after, limit, Direction.DEPLOY, None, wave)
        return [order.ordinal for order in found]

    assert [places(wave) for wave in (0, 1, 2, 3)] == [[4], [0, 1, 2], [3, 5, 6], []]
    assert places(None) == list(range(7))
    assert (places(1, after=0, limit=1), places(2, after=3)) == ([1], [5, 6])
    assert [outcomes.get("task-1", place).wave for place in (4, 0, 6)] == [0, 1, 2]
    walk(store, 4, S.DEPLOYED)
    walk(store, 0, S.FAILED)
    walk(store, 2, S.DEPLOYING)
    assert outcomes.list_wave_tallies("task-1") == [
        Tally(deployed=1),
        Tally(failed=1, pending=1, deploying=1),
        Tally(pending=3),
    ]
    back = outcomes.list_orders("task-1", -1, 100, Direction.ROLL_BACK, None, 1)
    assert [order.ordinal for order in back] == [0]
    assert outcomes.list_wave_tallies("no such task") == []
