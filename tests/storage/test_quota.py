"""The ledger is never overdrawn, and a reservation is spent or given back once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text

from domain.errors import BadInput
from domain.plans.quota import EntryKind, Settlement
from domain.tasks.status import OutcomeStatus as S
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import LATER, NOW, create_task


def deploy(store: Store, task_id: str, ordinal: int, *ends: S) -> None:
    outcomes = store.tasks.outcomes
    outcomes.begin_attempt(task_id, ordinal, S.DEPLOYING, NOW)
    outcomes.end_attempt(task_id, ordinal, ends[0], NOW, None)
    for end in ends[1:]:
        outcomes.begin_attempt(task_id, ordinal, S.ROLLING_BACK, NOW)
        outcomes.end_attempt(task_id, ordinal, end, NOW, None)


def test_what_was_deployed_is_charged_and_the_rest_refunded(store: Store) -> None:
    create_task(store, size=5)
    store.quota.grant(7, "bought", NOW)
    store.quota.reserve("task-1", 5, NOW)
    assert store.quota.get_balance() == 2
    deploy(store, "task-1", 0, S.DEPLOYED)
    deploy(store, "task-1", 1, S.FAILED)
    deploy(store, "task-1", 2, S.DEPLOYED, S.ROLLED_BACK)
    deploy(store, "task-1", 3, S.DEPLOYED, S.ROLLBACK_FAILED)
    assert store.quota.settle("task-1", LATER) == Settlement(charged=3, refunded=2)
    assert store.quota.get_balance() == 4
    assert [(e.kind, e.amount, e.task_id, e.note, e.at) for e in store.quota.list_entries()] == [
        (EntryKind.GRANT, 7, None, "bought", NOW),
        (EntryKind.RESERVE, 5, "task-1", "reserved", NOW),
        (EntryKind.CHARGE, 3, "task-1", "deployed", LATER),
        (EntryKind.REFUND, 2, "task-1", "not deployed", LATER),
    ]


def test_a_failed_change_that_was_rolled_back_is_refunded(store: Store) -> None:
    create_task(store, size=1)
    store.quota.grant(1, "", NOW)
    store.quota.reserve("task-1", 1, NOW)
    deploy(store, "task-1", 0, S.FAILED, S.ROLLED_BACK)
    assert store.quota.settle("task-1", NOW) == Settlement(charged=0, refunded=1)


def test_each_step_counts_once(store: Store) -> None:
    create_task(store, size=2)
    store.quota.grant(2, "", NOW)
    for _ in range(2):
        store.quota.reserve("task-1", 2, NOW)
    assert store.quota.get_balance() == 0
    with pytest.raises(ValueError, match=r"2.*1"):
        store.quota.reserve("task-1", 1, NOW)
    deploy(store, "task-1", 0, S.DEPLOYED)
    assert store.quota.settle("task-1", NOW) == Settlement(charged=1, refunded=1)
    deploy(store, "task-1", 1, S.DEPLOYED)
    assert store.quota.settle("task-1", NOW) == Settlement(charged=1, refunded=1)
    assert store.quota.get_balance() == 1


def test_too_little_is_refused_and_nothing_reserved(store: Store) -> None:
    create_task(store)
    store.quota.grant(2, "", NOW)
    with pytest.raises(BadInput, check=has_code("quota-exceeded", "3", "2")):
        store.quota.reserve("task-1", 3, NOW)
    assert store.quota.get_balance() == 2
    assert store.quota.list_entries("task-1") == []


def test_a_task_that_costs_nothing_leaves_no_trace(store: Store) -> None:
    create_task(store, cost=0)
    store.quota.reserve("task-1", 0, NOW)
    deploy(store, "task-1", 0, S.DEPLOYED)
    assert store.quota.settle("task-1", NOW) == Settlement(charged=0, refunded=0)
    assert store.quota.list_entries() == []


@pytest.mark.parametrize("amount", [0, -1])
def test_only_a_positive_amount_is_granted(store: Store, amount: int) -> None:
    with pytest.raises(BadInput, check=has_code("invalid-amount", "1")):
        store.quota.grant(amount, "", NOW)
    with pytest.raises(ValueError, match="-1"):
        store.quota.reserve("task-1", -1, NOW)


def test_tasks_that_reserve_at_once_do_not_overdraw(store: Store) -> None:
    for number in range(24):
        create_task(store, f"task-{number}", size=1)
    store.quota.grant(10, "", NOW)

    def reserve(number: int) -> bool:
        try:
            store.quota.reserve(f"task-{number // 2}", 1, NOW)
        except BadInput:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        reserved = list(pool.map(reserve, range(48)))
    assert store.quota.get_balance() == 0
    assert len(store.quota.list_entries()) == 11
    assert sum(reserved[0::2]) >= 10 or sum(reserved[1::2]) >= 10


def test_a_task_that_settles_many_times_at_once_settles_once(store: Store) -> None:
    create_task(store, size=4)
    store.quota.grant(4, "", NOW)
    store.quota.reserve("task-1", 4, NOW)
    deploy(store, "task-1", 0, S.DEPLOYED)
    with ThreadPoolExecutor(8) as pool:
        settled = set(pool.map(lambda _: store.quota.settle("task-1", NOW), range(16)))
    assert settled == {Settlement(charged=1, refunded=3)}
    assert store.quota.get_balance() == 3


SIZES = (1, 3, 8)
STEPS = st.one_of(
    st.tuples(st.just("grant"), st.integers(1, 12)),
    st.tuples(st.just("reserve"), st.integers(0, 2)),
    st.tuples(st.just("deploy"), st.integers(0, 2)),
    st.tuples(st.just("settle"), st.integers(0, 2)),
)


@examples(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(STEPS, max_size=25), st.lists(st.booleans(), min_size=12, max_size=12))
def test_any_sequence_keeps_the_ledger_balanced(
    store: Store, steps: list[tuple[str, int]], succeeds: list[bool]
) -> None:
    _empty(store)
    for number, size in enumerate(SIZES):
        create_task(store, f"task-{number}", size=size)
    done = [0, 0, 0]
    for step, value in steps:
        task_id = f"task-{value}"
        if step == "grant":
            store.quota.grant(value, "", NOW)
        elif step == "reserve":
            _reserve(store, task_id, SIZES[value])
        elif step == "deploy" and done[value] < SIZES[value]:
            end = S.DEPLOYED if succeeds[sum(done)] else S.FAILED
            deploy(store, task_id, done[value], end)
            done[value] += 1
        elif step == "settle":
            store.quota.settle(task_id, NOW)
        assert store.quota.get_balance() >= 0
    for number in range(len(SIZES)):
        store.quota.settle(f"task-{number}", NOW)
        _check_balanced(store, f"task-{number}")


def _reserve(store: Store, task_id: str, amount: int) -> None:
    before = store.quota.get_balance()
    held = bool(store.quota.list_entries(task_id))
    if held or amount <= before:
        store.quota.reserve(task_id, amount, NOW)
        assert store.quota.get_balance() == before - (0 if held else amount)
    else:
        with pytest.raises(BadInput):
            store.quota.reserve(task_id, amount, NOW)


def _check_balanced(store: Store, task_id: str) -> None:
    amounts = {entry.kind: entry.amount for entry in store.quota.list_entries(task_id)}
    assert len(amounts) == len(store.quota.list_entries(task_id))
    spent = amounts.get(EntryKind.CHARGE, 0) + amounts.get(EntryKind.REFUND, 0)
    assert amounts.get(EntryKind.RESERVE, 0) == spent


def _empty(store: Store) -> None:
    with store.database.statements() as connection:
        for table in ("quota_entry", "change", "task_certificate", "task"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of ours
