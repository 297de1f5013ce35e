"""A change's turn at something that takes one change at a time, over all tasks and workers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from time import monotonic
from types import TracebackType
from typing import Self

from domain.errors import Transient
from domain.tasks.messages import ChangeOrder
from storage.coordination.locks import Locks

LEASE = timedelta(seconds=120)
LEASE_OF_THE_LINE = timedelta(seconds=15)
LOOK_EVERY = 1.0
LONGEST_WAIT = 1800.0


class Turn:
    """Waits for the order's lock and holds it; an order without one has the resource for itself.

    So of two tasks that change one resource the second one looks once the first one has ended, and
    finds that it drifted. Nearly always nobody else wants the resource: `take_early` has it then
    with the transaction that begins the attempt, and nothing is waited for.

    Who waits stands first in line: the task that just had the lock has many more changes to make,
    and would else take it again before anyone else looks. A repeated step does not stand in line.

    `pause` waits some seconds and may raise; calling `pause` of the turn while it is held also
    prolongs the lock, so that one long change does not lose it.

    A later attempt at the same step takes the lock over from a former one that hangs. That one's
    next `pause` raises, and it frees nothing when it goes.
    """

    def __init__(self, locks: Locks, order: ChangeOrder, pause: Callable[[float], None]) -> None:
        self._locks, self._wait = locks, pause
        self._name = order.lock or order.label
        self._holder = f"{order.task_id}/{order.ordinal}"
        self._token = token_hex(8)
        self._is_shared, self._is_held = order.lock is not None, False

    def take_early(self) -> None:
        """Takes what only this resource's changes want, if it is free; may lie in `together`."""
        if not self._is_shared:
            self._is_held = self._take()

    def give_back(self) -> None:
        """Frees it, if it is held; may lie in `together`."""
        self._locks.give_back(self._name, self._token)
        self._is_held = False

    def __enter__(self) -> Self:
        if self._is_held or self._locks.take_over(*self._asked(self._name, LEASE)):
            self._is_held = True
            return self
        line, deadline = f"{self._name} (the line)", monotonic() + LONGEST_WAIT
        try:
            while not (self._stand(line) and self._take()):
                if monotonic() > deadline:
                    raise Transient(
                        f"{self._name} is being changed by another task since {LONGEST_WAIT:g} s",
                        code="Locked",
                        advice="Look at the tasks that are running.",
                    )
                self._wait(LOOK_EVERY)
        finally:
            self._locks.give_back(line, self._token)
        self._is_held = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_held:
            self.give_back()

    def pause(self, seconds: float) -> None:
        """Waits, and keeps the lock; Transient where another has it by now."""
        self._wait(seconds)
        if not self._locks.keep(self._name, self._token, datetime.now(UTC), LEASE):
            raise Transient(f"the change lost its turn at {self._name}", code="LockLost")

    def _stand(self, line: str) -> bool:
        asked = self._asked(line, LEASE_OF_THE_LINE)
        return self._locks.take_over(*asked) or self._locks.take(*asked)

    def _take(self) -> bool:
        return self._locks.take(*self._asked(self._name, LEASE))

    def _asked(self, name: str, last: timedelta) -> tuple[str, str, str, datetime, timedelta]:
        return name, self._holder, self._token, datetime.now(UTC), last
