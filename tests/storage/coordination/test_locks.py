"""Locks have one holder at a time and expire."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage.coordination.locks import Locks
from storage.store import Store
from tests.support.shared_clock import ManualClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def locks(store: Store, clock: ManualClock) -> Locks:
    return Locks(store.database, clock)


def test_a_lock_has_one_holder_until_it_is_released(locks: Locks) -> None:
    assert locks.acquire("ga-1", "a", "a", MINUTE)
    assert not locks.acquire("ga-1", "b", "b", MINUTE)
    assert locks.acquire("ga-2", "b", "b", MINUTE)
    locks.release("ga-1", "a")
    assert locks.acquire("ga-1", "b", "b", MINUTE)


def test_its_holder_may_acquire_it_again_which_extends_it(locks: Locks, clock: ManualClock) -> None:
    assert locks.acquire("ga-1", "a", "a", MINUTE)
    clock.now += 60
    assert locks.acquire("ga-1", "a", "a", MINUTE)
    clock.now += 30
    assert not locks.acquire("ga-1", "b", "b", MINUTE)


def test_a_later_attempt_of_its_holder_can_steal_it(locks: Locks, clock: ManualClock) -> None:
    assert locks.acquire("ga-1", "a", "first", MINUTE)
    assert locks.renew("ga-1", "first", MINUTE)
    assert not locks.take_over("ga-1", "b", "third", MINUTE)
    assert locks.take_over("ga-1", "a", "second", MINUTE)
    assert not locks.renew("ga-1", "first", MINUTE)
    assert not locks.acquire("ga-1", "a", "first", MINUTE)
    locks.release("ga-1", "first")
    assert not locks.acquire("ga-1", "b", "third", MINUTE)
    clock.now += 60
    assert locks.renew("ga-1", "second", MINUTE)
    clock.now += 30
    assert not locks.acquire("ga-1", "b", "third", MINUTE)


def test_a_lock_that_nobody_holds_cannot_be_stolen(locks: Locks) -> None:
    assert not locks.take_over("ga-1", "a", "first", MINUTE)
    assert locks.acquire("ga-1", "b", "second", MINUTE)


def test_a_lock_whose_holder_is_gone_expires(locks: Locks, clock: ManualClock) -> None:
    assert locks.acquire("ga-1", "a", "a", MINUTE)
    clock.now += 120
    assert locks.acquire("ga-1", "b", "b", MINUTE)
    locks.release("ga-1", "a")
    assert not locks.acquire("ga-1", "c", "c", MINUTE)


def test_a_lock_from_before_the_clock_restarted_has_expired(
    locks: Locks, clock: ManualClock
) -> None:
    assert locks.acquire("ga-1", "a", "a", MINUTE)
    clock.now = 5.0
    assert locks.acquire("ga-1", "b", "b", MINUTE)
    assert not locks.acquire("ga-1", "c", "c", MINUTE)


def test_of_many_who_want_a_lock_at_once_one_gets_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda n: store.locks.acquire("x", str(n), str(n), MINUTE), range(40)))
    assert Counter(got) == {True: 1, False: 39}
