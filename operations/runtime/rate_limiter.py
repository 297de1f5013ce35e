"""Keeps calls to a provider within its rate limit, over all workers and tasks.

Connectors call it before each request.
"""

import threading
import time
from collections import deque
from collections.abc import Callable

from storage.coordination.rate_budgets import RateBudgets

BATCH_SECONDS = 0.25
MAX_HOLD_SECONDS = 120.0
"""A call that must wait longer is retried later."""


class RateLimiter:
    """Call permits for one account at one service, taken from storage in batches.

    A batch covers a quarter of a second: few writes, and a worker that stops loses little. Permits
    whose time has passed unused are dropped, so that no burst follows.

    Storage says in how many seconds a call may be made; this worker counts them by its monotonic
    clock.
    """

    def __init__(
        self,
        budgets: RateBudgets,
        name: str,
        calls_per_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budgets, self._name = budgets, name
        self.calls_per_second = calls_per_second
        self._interval = 1 / calls_per_second
        self._batch_size = max(1, int(calls_per_second * BATCH_SECONDS))
        self._clock, self._sleep = clock, sleep
        self._permits: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Blocks until the next call may be made."""
        delay = self._take_permit() - self._clock()
        if delay > 0:
            self._sleep(delay)

    def pause(self, seconds: float) -> None:
        """Makes no call for so long, two minutes at most, because the provider asked for it."""
        with self._lock:
            self._budgets.pause(self._name, min(seconds, MAX_HOLD_SECONDS))
            self._permits.clear()

    def _take_permit(self) -> float:
        with self._lock:
            while self._permits and self._permits[0] < self._clock() - self._interval:
                self._permits.popleft()
            if not self._permits:
                self._permits.extend(self._take_batch())
            return self._permits.popleft()

    def _take_batch(self) -> list[float]:
        delay = self._budgets.take_permits(self._name, self._batch_size, self._interval)
        # Counted from the answer, never from the question: a call may be late, but never early.
        start = self._clock() + delay
        return [start + number * self._interval for number in range(self._batch_size)]
