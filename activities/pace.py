"""Keeping to what a provider allows: calls per second, over all workers and tasks together."""

import threading
import time
from collections import deque
from collections.abc import Callable

from storage.turns import LONGEST_HOLD, Budgets, horizon

SHARE_OF_A_SECOND = 0.25


class Pacer:
    """Turns for one account at one service, taken from storage some at a time.

    A quarter of a second's worth is taken at once: few writes, and little is lost by a worker
    that stops. Turns whose time has passed unused are thrown away, so that no burst follows.
    """

    def __init__(
        self,
        budgets: Budgets,
        name: str,
        calls_per_second: float,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._budgets, self._name = budgets, name
        self.calls_per_second = calls_per_second
        self._each = 1 / calls_per_second
        self._at_once = max(1, int(calls_per_second * SHARE_OF_A_SECOND))
        self._clock, self._sleep = clock, sleep
        self._turns: deque[float] = deque()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Returns when the next call may be made."""
        delay = self._turn() - self._clock()
        if delay > 0:
            self._sleep(delay)

    def hold(self, seconds: float) -> None:
        """Makes no call for so long: the provider asked for it."""
        with self._lock:
            until = self._clock() + min(seconds, LONGEST_HOLD)
            self._budgets.hold(self._name, until)
            self._turns.clear()

    def _turn(self) -> float:
        with self._lock:
            now = self._clock()
            oldest, latest = now - self._each, now + horizon(self._each)
            while self._turns and not oldest <= self._turns[0] <= latest:
                self._turns.popleft()
            if not self._turns:
                start = self._budgets.take(self._name, self._at_once, self._each, self._clock())
                self._turns.extend(start + turn * self._each for turn in range(self._at_once))
            return self._turns.popleft()
