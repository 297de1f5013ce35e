"""Calls per second over several workers: each has a rate limiter, all share one budget."""

import heapq
from itertools import pairwise

import pytest

from operations.runtime.rate_limiter import RateLimiter
from storage.store import Store


class Clock:
    """Time that passes only by sleeping; the time of day is `ahead` by so many seconds."""

    def __init__(self, ahead: float = 0.0) -> None:
        self.now, self.ahead = 1000.0, ahead

    def __call__(self) -> float:
        return self.now + self.ahead

    def steady(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def build_limiter(store: Store, rate: float, clock: Clock) -> RateLimiter:
    return RateLimiter(store.rate_budgets, "main/cdn", rate, clock, clock.steady, clock.sleep)


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
    first.hold(5)
    began = clock.now
    second.wait()
    assert clock.now - began == pytest.approx(5.0)


@pytest.mark.parametrize("ahead", [60.0, 240.0, 3600.0])
def test_a_worker_whose_clock_was_ahead_delays_no_other(store: Store, ahead: float) -> None:
    clock, wrong = Clock(), Clock(ahead)
    right, other = build_limiter(store, 10, clock), build_limiter(store, 10, wrong)
    other.wait()
    began = clock.now
    for _ in range(10):
        right.wait()
    assert clock.now - began < 2
    wrong.ahead = 0.0  # set right meanwhile
    began = wrong.now
    for _ in range(10):
        other.wait()
    assert wrong.now - began < 2


@pytest.mark.parametrize("jump", [-240.0, 240.0])
def test_a_clock_that_jumps_neither_stops_nor_frees_held_permits(store: Store, jump: float) -> None:
    clock = Clock()
    limiter = build_limiter(store, 10, clock)
    limiter.wait()  # this worker holds permits for a quarter of a second
    clock.ahead = jump
    began = clock.now
    for _ in range(20):
        limiter.wait()
    assert clock.now - began == pytest.approx(2.0, abs=0.3)
