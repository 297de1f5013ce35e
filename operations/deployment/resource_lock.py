"""Leases the lock of a resource or group that takes one change at a time, over all workers.

activities/deployment.py calls it.
"""

from collections.abc import Callable
from datetime import timedelta
from secrets import token_hex
from time import monotonic
from types import TracebackType
from typing import Self

from domain.errors import Transient
from domain.tasks.messages import ChangeOrder
from storage.coordination.locks import Locks

LEASE = timedelta(seconds=120)
QUEUE_LEASE = timedelta(seconds=15)
POLL_SECONDS = 1.0
MAX_WAIT_SECONDS = 1800.0


class ResourceLease:
    """Waits for the lock of an order and holds it: the order's own, or one of its resource.

    If two tasks change one resource, the second reads it once the first has ended, and finds that
    it drifted. Most locks are free: `try_acquire` takes one in the transaction that begins the
    attempt, without waiting.

    A waiting attempt holds the lock of the queue: else the task that just released the lock, with
    many more changes to make, would take it again first. A repeated step does not queue.

    `pause` waits some seconds and may raise. `pause` of the lease also renews the lock, so that a
    long change does not lose it.

    A later attempt at the same step steals the lock from an earlier one that hangs. The next
    `pause` of that one raises, and its release frees nothing.
    """

    def __init__(self, locks: Locks, order: ChangeOrder, pause: Callable[[float], None]) -> None:
        self._locks, self._wait = locks, pause
        self._name = order.lock or order.label
        self._holder = f"{order.task_id}/{order.ordinal}"
        self._token = token_hex(8)
        self._is_shared, self._is_held = order.lock is not None, False

    def try_acquire(self) -> None:
        """Acquires a free lock of a single resource; may be called within a transaction."""
        if not self._is_shared:
            self._is_held = self._acquire()

    def release(self) -> None:
        """Releases the lock if this lease holds it; may be called within a transaction."""
        self._locks.release(self._name, self._token)
        self._is_held = False

    def __enter__(self) -> Self:
        if self._is_held or self._locks.take_over(*self._build_arguments(self._name, LEASE)):
            self._is_held = True
            return self
        queue, deadline = f"{self._name} (the queue)", monotonic() + MAX_WAIT_SECONDS
        try:
            while not (self._acquire_queue(queue) and self._acquire()):
                if monotonic() > deadline:
                    raise Transient(
                        f"another task has locked {self._name} for {MAX_WAIT_SECONDS:g} s",
                        code="Locked",
                        advice="See the running tasks: certroll task list.",
                    )
                self._wait(POLL_SECONDS)
        finally:
            self._locks.release(queue, self._token)
        self._is_held = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_held:
            self.release()

    def pause(self, seconds: float) -> None:
        """Waits and renews the lock; raises Transient if another attempt holds it by now."""
        self._wait(seconds)
        if not self._locks.renew(self._name, self._token, LEASE):
            raise Transient(f"the change lost the lock of {self._name}", code="LockLost")

    def _acquire_queue(self, queue: str) -> bool:
        arguments = self._build_arguments(queue, QUEUE_LEASE)
        return self._locks.take_over(*arguments) or self._locks.acquire(*arguments)

    def _acquire(self) -> bool:
        return self._locks.acquire(*self._build_arguments(self._name, LEASE))

    def _build_arguments(self, name: str, lease: timedelta) -> tuple[str, str, str, timedelta]:
        return name, self._holder, self._token, lease
