"""Locks and budgets, with many hands at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from storage.store import Store

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_lock_has_one_holder_until_it_is_given_back(store: Store) -> None:
    assert store.locks.take("ga-1", "a", "a", NOW, MINUTE)
    assert not store.locks.take("ga-1", "b", "b", NOW, MINUTE)
    assert store.locks.take("ga-2", "b", "b", NOW, MINUTE)
    store.locks.give_back("ga-1", "a")
    assert store.locks.take("ga-1", "b", "b", NOW, MINUTE)


def test_its_holder_may_take_it_again_which_prolongs_it(store: Store) -> None:
    assert store.locks.take("ga-1", "a", "a", NOW, MINUTE)
    assert store.locks.take("ga-1", "a", "a", NOW + MINUTE, MINUTE)
    assert not store.locks.take("ga-1", "b", "b", NOW + 1.5 * MINUTE, MINUTE)


def test_a_later_attempt_of_its_holder_takes_it_over(store: Store) -> None:
    assert store.locks.take("ga-1", "a", "first", NOW, MINUTE)
    assert store.locks.keep("ga-1", "first", NOW, MINUTE)
    assert not store.locks.take_over("ga-1", "b", "third", NOW, MINUTE)
    assert store.locks.take_over("ga-1", "a", "second", NOW, MINUTE)
    assert not store.locks.keep("ga-1", "first", NOW, MINUTE)
    assert not store.locks.take("ga-1", "a", "first", NOW, MINUTE)
    store.locks.give_back("ga-1", "first")
    assert not store.locks.take("ga-1", "b", "third", NOW, MINUTE)
    assert store.locks.keep("ga-1", "second", NOW + MINUTE, MINUTE)
    assert not store.locks.take("ga-1", "b", "third", NOW + 1.5 * MINUTE, MINUTE)


def test_what_nobody_holds_is_not_taken_over(store: Store) -> None:
    assert not store.locks.take_over("ga-1", "a", "first", NOW, MINUTE)
    assert store.locks.take("ga-1", "b", "second", NOW, MINUTE)


def test_a_lock_whose_holder_is_gone_expires(store: Store) -> None:
    assert store.locks.take("ga-1", "a", "a", NOW, MINUTE)
    assert store.locks.take("ga-1", "b", "b", NOW + 2 * MINUTE, MINUTE)
    store.locks.give_back("ga-1", "a")
    assert not store.locks.take("ga-1", "c", "c", NOW + 2 * MINUTE, MINUTE)


def test_of_many_who_want_a_lock_at_once_one_gets_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(
            pool.map(lambda n: store.locks.take("x", str(n), str(n), NOW, MINUTE), range(40))
        )
    assert Counter(got) == {True: 1, False: 39}


def test_turns_are_handed_out_once_and_evenly(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        starts = sorted(pool.map(lambda _: store.budgets.take("a/cdn", 2, 0.1, 100.0), range(40)))
    assert starts[0] == pytest.approx(100.0)
    assert all(after - before == pytest.approx(0.2) for before, after in pairwise(starts))


def test_time_that_nobody_used_is_not_saved_up(store: Store) -> None:
    store.budgets.take("a/cdn", 1, 0.1, 100.0)
    assert store.budgets.take("a/cdn", 1, 0.1, 200.0) == pytest.approx(200.0)
    assert store.budgets.take("a/cdn", 1, 0.1, 200.0) == pytest.approx(200.1)


def test_a_budget_on_hold_hands_out_nothing_before(store: Store) -> None:
    store.budgets.hold("a/cdn", 130.0, 100.0)
    assert store.budgets.take("a/cdn", 1, 0.1, 100.0) == pytest.approx(130.0)
    store.budgets.hold("a/cdn", 120.0, 100.0)
    assert store.budgets.take("a/cdn", 1, 0.1, 100.0) == pytest.approx(130.1)
    assert store.budgets.take("b/cdn", 1, 0.1, 100.0) == pytest.approx(100.0)


@pytest.mark.parametrize("ahead", [3.0, 60.0, 3600.0])
def test_what_a_clock_that_was_ahead_handed_out_keeps_nobody_waiting(
    store: Store, ahead: float
) -> None:
    store.budgets.take("a/cdn", 2, 0.1, 100.0 + ahead)
    assert store.budgets.take("a/cdn", 1, 0.1, 100.0) == pytest.approx(100.0)
    store.budgets.hold("a/cdn", 110.0 + ahead, 100.0 + ahead)
    assert store.budgets.take("a/cdn", 1, 0.1, 100.1) == pytest.approx(100.1)


def test_clocks_a_second_apart_share_one_queue(store: Store) -> None:
    store.budgets.take("a/cdn", 10, 0.1, 101.0)
    assert store.budgets.take("a/cdn", 1, 0.1, 100.0) == pytest.approx(102.0)
