"""Many changes, some at a time: hands out orders within a bound and waits for them all."""

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import steps
from workflows.causes import cause_of

with workflow.unsafe.imports_passed_through():
    from domain.task import ChangeOrder, Direction


class FanOut:
    """One direction of one task. `cursor` is the last ordinal that was handed out."""

    def __init__(
        self,
        task_id: str,
        direction: Direction,
        *,
        concurrency: int,
        cursor: int,
        stop: Callable[[], bool],
        only: tuple[str, ...] | None = None,
    ) -> None:
        self.cursor = cursor
        self._task_id, self._direction, self._only = task_id, direction, only
        self._concurrency, self._stop = concurrency, stop
        self._in_flight: set[asyncio.Task[None]] = set()

    async def run(self) -> bool:
        """True when all is done or `stop` says so; False when the history is long enough.

        Either way nothing is under way any more.
        """
        finished = await self._hand_out()
        await workflow.wait_condition(lambda: not self._in_flight)
        return finished

    async def _hand_out(self) -> bool:
        while True:
            page = await steps.orders(self._task_id, self.cursor, self._direction, self._only)
            if not page:
                return True
            for order in page:
                await workflow.wait_condition(lambda: len(self._in_flight) < self._concurrency)
                if self._stop():
                    return True
                if workflow.info().is_continue_as_new_suggested():
                    return False
                self._start(order)

    def _start(self, order: ChangeOrder) -> None:
        self.cursor = order.ordinal
        task = asyncio.create_task(_make(order))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)


async def _make(order: ChangeOrder) -> None:
    """One failure never stops the others: it is recorded with its cause."""
    try:
        await steps.change(order)
    except ActivityError as failure:
        await steps.record_failure(order, cause_of(failure))
