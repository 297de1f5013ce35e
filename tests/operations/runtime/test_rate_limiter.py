"""Calls per second over several workers: each has a rate limiter, all share one budget."""

import heapq
from itertools import pairwise

import pytest

from operations.runtime.rate_limiter import RateLimiter
from storage.coordination.rate_budgets import RateBudgets
from storage.store import Store
from tests.support.shared_clock import ManualClock


class Clock(ManualClock):
    """Time that passes only by sleeping; the worker's clock began `offset` seconds earlier."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.offset = offset

    def read(self) -> float:
        return self.now + self.offset

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def build_limiter(store: Store, rate: float, clock: Clock) -> RateLimiter:
    budgets = RateBudgets(store.database, clock)
    return RateLimiter(budgets, "main/cdn", rate, clock.read, clock.sleep)


def build_limiters(store: Store, count: int, rate: float, clock: Clock) -> list[RateLimiter]:
    return [build_limiter(store, rate, clock) for _ in range(count)]


def test_two_workers_together_keep_the_rate(store: Store) -> None:
    clock = Clock()
    first, second = build_limiters(store, 2, 10, clock)
    calls: list[float] = []
    for number in range(100):
        (first if number % 3 else second).wait()
        heapq.heappush(calls, clock.now)
    times = [heapq.heappop(calls) for _ in range(100)]
    for begin in times:
        assert sum(begin <= at < begin + 1 - 1e-9 for at in times) <= 10
    assert all(after >= before for before, after in pairwise(times))


def test_a_pause_is_not_followed_by_a_burst(store: Store) -> None:
    clock = Clock()
    (limiter,) = build_limiters(store, 1, 10, clock)
    limiter.wait()
    clock.now += 60
    began = clock.now
    for _ in range(11):
        limiter.wait()
    assert clock.now - began == pytest.approx(1.0)


def test_all_workers_hold_when_the_provider_asks_for_it(store: Store) -> None:
    clock = Clock()
    first, second = build_limiters(store, 2, 10, clock)
    first.wait()
    first.pause(5)
    began = clock.now
    second.wait()
    assert clock.now - began == pytest.approx(5.0)


@pytest.mark.parametrize("offset", [-500.0, 3600.0])
def test_each_worker_counts_by_its_own_monotonic_clock(store: Store, offset: float) -> None:
    clock = Clock(offset)
    limiter = build_limiter(store, 10, clock)
    began = clock.now
    for _ in range(21):
        limiter.wait()
    assert clock.now - began == pytest.approx(2.0)
