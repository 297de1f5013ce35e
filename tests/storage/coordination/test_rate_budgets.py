"""Rate budgets issue each permit once, whatever the clocks of the workers."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from storage.store import Store


def test_permits_are_issued_once_and_evenly(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        starts = sorted(
            pool.map(lambda _: store.rate_budgets.take_permits("a/cdn", 2, 0.1, 100.0), range(40))
        )
    assert starts[0] == pytest.approx(100.0)
    assert all(after - before == pytest.approx(0.2) for before, after in pairwise(starts))


def test_unused_permits_do_not_accumulate(store: Store) -> None:
    store.rate_budgets.take_permits("a/cdn", 1, 0.1, 100.0)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 200.0) == pytest.approx(200.0)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 200.0) == pytest.approx(200.1)


def test_a_paused_budget_issues_no_permit_before(store: Store) -> None:
    store.rate_budgets.pause("a/cdn", 130.0, 100.0)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 100.0) == pytest.approx(130.0)
    store.rate_budgets.pause("a/cdn", 120.0, 100.0)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 100.0) == pytest.approx(130.1)
    assert store.rate_budgets.take_permits("b/cdn", 1, 0.1, 100.0) == pytest.approx(100.0)


@pytest.mark.parametrize("ahead", [3.0, 60.0, 3600.0])
def test_permits_of_a_clock_that_was_ahead_keep_nobody_waiting(store: Store, ahead: float) -> None:
    store.rate_budgets.take_permits("a/cdn", 2, 0.1, 100.0 + ahead)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 100.0) == pytest.approx(100.0)
    store.rate_budgets.pause("a/cdn", 110.0 + ahead, 100.0 + ahead)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 100.1) == pytest.approx(100.1)


def test_clocks_a_second_apart_share_one_budget(store: Store) -> None:
    store.rate_budgets.take_permits("a/cdn", 10, 0.1, 101.0)
    assert store.rate_budgets.take_permits("a/cdn", 1, 0.1, 100.0) == pytest.approx(102.0)
