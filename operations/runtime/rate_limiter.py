"""Keeping to what a provider allows: calls per second, over all workers and tasks together."""

import threading
import time
from collections import deque
from collections.abc import Callable

from storage.coordination.rate_budgets import Budgets

SHARE_OF_A_SECOND = 0.25
LONGEST_HOLD = 120.0
"""Seconds: a call that must wait for longer is itself tried again later."""


class Pacer:
    """Turns for one account at one service, taken from storage some at a time.

    A quarter of a second's worth is taken at once: few writes, and little is lost by a worker
    that stops. Turns whose time has passed unused are thrown away, so that no burst follows.

    Workers agree by the time of day; what this one has in hand goes by a clock that never jumps.
    """

    def __init__(
        self,
        budgets: Budgets,
        name: str,
        calls_per_second: float,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budgets, self._name = budgets, name
        self.calls_per_second = calls_per_second
        self._each = 1 / calls_per_second
        self._at_once = max(1, int(calls_per_second * SHARE_OF_A_SECOND))
        self._clock, self._steady, self._sleep = clock, steady, sleep
        self._turns: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the next call may be made."""
        delay = self._turn() - self._steady()
        if delay > 0:
            self._sleep(delay)

    def hold(self, seconds: float) -> None:
        """Makes no call for so long, two minutes at most: the provider asked for it."""
        with self._lock:
            now = self._clock()
            self._budgets.hold(self._name, now + min(seconds, LONGEST_HOLD), now)
            self._turns.clear()

    def _turn(self) -> float:
        with self._lock:
            while self._turns and self._turns[0] < self._steady() - self._each:
                self._turns.popleft()
            if not self._turns:
                self._turns.extend(self._taken())
            return self._turns.popleft()

    def _taken(self) -> list[float]:
        now, here = self._clock(), self._steady()
        start = here + self._budgets.take(self._name, self._at_once, self._each, now) - now
        return [start + turn * self._each for turn in range(self._at_once)]
