"""Locks have one holder at a time and expire."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from storage.store import Store

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_a_lock_has_one_holder_until_it_is_released(store: Store) -> None:
    assert store.locks.acquire("ga-1", "a", "a", NOW, MINUTE)
    assert not store.locks.acquire("ga-1", "b", "b", NOW, MINUTE)
    assert store.locks.acquire("ga-2", "b", "b", NOW, MINUTE)
    store.locks.release("ga-1", "a")
    assert store.locks.acquire("ga-1", "b", "b", NOW, MINUTE)


def test_its_holder_may_acquire_it_again_which_extends_it(store: Store) -> None:
    assert store.locks.acquire("ga-1", "a", "a", NOW, MINUTE)
    assert store.locks.acquire("ga-1", "a", "a", NOW + MINUTE, MINUTE)
    assert not store.locks.acquire("ga-1", "b", "b", NOW + 1.5 * MINUTE, MINUTE)


def test_a_later_attempt_of_its_holder_can_steal_it(store: Store) -> None:
    assert store.locks.acquire("ga-1", "a", "first", NOW, MINUTE)
    assert store.locks.renew("ga-1", "first", NOW, MINUTE)
    assert not store.locks.steal("ga-1", "b", "third", NOW, MINUTE)
    assert store.locks.steal("ga-1", "a", "second", NOW, MINUTE)
    assert not store.locks.renew("ga-1", "first", NOW, MINUTE)
    assert not store.locks.acquire("ga-1", "a", "first", NOW, MINUTE)
    store.locks.release("ga-1", "first")
    assert not store.locks.acquire("ga-1", "b", "third", NOW, MINUTE)
    assert store.locks.renew("ga-1", "second", NOW + MINUTE, MINUTE)
    assert not store.locks.acquire("ga-1", "b", "third", NOW + 1.5 * MINUTE, MINUTE)


def test_a_lock_that_nobody_holds_cannot_be_stolen(store: Store) -> None:
    assert not store.locks.steal("ga-1", "a", "first", NOW, MINUTE)
    assert store.locks.acquire("ga-1", "b", "second", NOW, MINUTE)


def test_a_lock_whose_holder_is_gone_expires(store: Store) -> None:
    assert store.locks.acquire("ga-1", "a", "a", NOW, MINUTE)
    assert store.locks.acquire("ga-1", "b", "b", NOW + 2 * MINUTE, MINUTE)
    store.locks.release("ga-1", "a")
    assert not store.locks.acquire("ga-1", "c", "c", NOW + 2 * MINUTE, MINUTE)


def test_of_many_who_want_a_lock_at_once_one_gets_it(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        got = list(
            pool.map(lambda n: store.locks.acquire("x", str(n), str(n), NOW, MINUTE), range(40))
        )
    assert Counter(got) == {True: 1, False: 39}
