"""Many changes, some at a time: hands out orders within a bound and waits for them all."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import steps
from workflows.causes import cause_of

with workflow.unsafe.imports_passed_through():
    from domain.task import ChangeOrder, Direction


class FanOut:
    """One direction of one task. `cursor` is the last ordinal that needs no look any more.

    `stop` is looked at before each change, `may_begin` is asked before each page of them.

    Orders with the same lock go one after the other, and those that wait for it take no place in
    the window: two hundred changes of one locked instance must not hold up all other services.
    """

    def __init__(
        self,
        task_id: str,
        direction: Direction,
        *,
        concurrency: int,
        cursor: int,
        stop: Callable[[], bool],
        may_begin: Callable[[], Awaitable[bool]] | None = None,
        only: tuple[str, ...] | None = None,
    ) -> None:
        self.cursor, self.done = cursor, False
        self._task_id, self._direction, self._only = task_id, direction, only
        self._concurrency, self._stop, self._may_begin = concurrency, stop, may_begin
        self._full = False
        self._in_flight: set[asyncio.Task[None]] = set()
        self._locked: set[str] = set()
        self._queues: defaultdict[str, deque[ChangeOrder]] = defaultdict(deque)

    async def run(self) -> bool:
        """True when all is done or it was held up; False when the history is long enough.

        Either way nothing is under way any more. `done` says whether nothing is left either.
        """
        await self._hand_out()
        await workflow.wait_condition(lambda: not self._in_flight)
        waiting = [order.ordinal for queue in self._queues.values() for order in queue]
        if waiting:
            self.cursor, self.done = min(waiting) - 1, False
        return not self._full

    async def _hand_out(self) -> None:
        while True:
            page = await steps.orders(self._task_id, self.cursor, self._direction, self._only)
            if not page:
                self.done = True
                return
            await self._room()
            if self._closed() or (self._may_begin and not await self._may_begin()):
                return
            for order in page:
                await self._room()
                if self._closed():
                    return
                self._take(order)

    async def _room(self) -> None:
        await workflow.wait_condition(lambda: len(self._in_flight) < self._concurrency)

    def _closed(self) -> bool:
        """Whether nothing more is to be begun in this run."""
        self._full = self._full or workflow.info().is_continue_as_new_suggested()
        return self._full or self._stop()

    def _take(self, order: ChangeOrder) -> None:
        self.cursor = order.ordinal
        if order.lock in self._locked:
            self._queues[order.lock].append(order)
        else:
            self._start(order)

    def _start(self, order: ChangeOrder) -> None:
        if order.lock:
            self._locked.add(order.lock)
        task = asyncio.create_task(self._make(order))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _make(self, order: ChangeOrder) -> None:
        """One failure never stops the others: it is recorded with its cause."""
        try:
            await steps.change(order)
        except ActivityError as failure:
            await steps.record_failure(order, cause_of(failure))
        if order.lock:
            self._locked.discard(order.lock)
            queue = self._queues[order.lock]
            if queue and not self._closed():
                self._start(queue.popleft())
