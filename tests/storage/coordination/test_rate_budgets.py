"""Rate budgets issue each permit once."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from storage.coordination.rate_budgets import RateBudgets
from storage.store import Store
from tests.support.shared_clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def budgets(store: Store, clock: ManualClock) -> RateBudgets:
    return RateBudgets(store.database, clock)


def test_permits_are_issued_once_and_evenly(budgets: RateBudgets) -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(lambda _: budgets.take_permits("a/cdn", 2, 0.1), range(40)))
    assert waits[0] == pytest.approx(0.0)
    assert all(after - before == pytest.approx(0.2) for before, after in pairwise(waits))


def test_unused_permits_do_not_accumulate(budgets: RateBudgets, clock: ManualClock) -> None:
    budgets.take_permits("a/cdn", 1, 0.1)
    clock.now += 100
    assert budgets.take_permits("a/cdn", 1, 0.1) == pytest.approx(0.0)
    assert budgets.take_permits("a/cdn", 1, 0.1) == pytest.approx(0.1)


def test_a_paused_budget_issues_no_permit_before(budgets: RateBudgets) -> None:
    budgets.pause("a/cdn", 30.0)
    assert budgets.take_permits("a/cdn", 1, 0.1) == pytest.approx(30.0)
    budgets.pause("a/cdn", 20.0)
    assert budgets.take_permits("a/cdn", 1, 0.1) == pytest.approx(30.1)
    assert budgets.take_permits("b/cdn", 1, 0.1) == pytest.approx(0.0)


def test_permits_from_before_the_clock_restarted_keep_nobody_waiting(
    budgets: RateBudgets, clock: ManualClock
) -> None:
    budgets.pause("a/cdn", 100.0)
    clock.now = 5.0
    assert budgets.take_permits("a/cdn", 1, 0.1) == pytest.approx(0.0)
    assert budgets.take_permits("a/cdn", 1, 0.1) == pytest.approx(0.1)
