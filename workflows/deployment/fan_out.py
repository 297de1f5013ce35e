"""Many changes, some at a time: hands out orders within a bound and waits for them all.

What fails for reasons that may pass gives its place to others and is tried again later, for as long
as domain.patience allows: a service that is down for an hour holds up no other.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls
from workflows.deployment.reporting import tell_contacts
from workflows.deployment.state import State
from workflows.failures import cause_of, may_pass
from workflows.policies import TURNS_UNTIL_TOLD

with workflow.unsafe.imports_passed_through():
    from datetime import datetime, timedelta

    from activities.bookkeeping import OrdersAfter
    from domain.cause import Cause
    from domain.notifications import events
    from domain.rollout.backoff import give_up_at, pause
    from domain.tasks.messages import ChangeOrder, Direction, Stuck
    from domain.tasks.retry import not_taken_back
    from domain.tasks.status import OutcomeStatus

COUNTED = {OutcomeStatus.FAILED, OutcomeStatus.UNVERIFIED}


class FanOut:
    """The changes of `wanted`. `cursor` is the last ordinal that needs no look any more.

    `stop` is looked at before each change, `may_begin` is asked before each page of them.

    Orders with the same lock go one after the other, and those that wait for it take no place in
    the window: two hundred changes of one locked instance must not hold up all other services.
    """

    def __init__(
        self,
        state: State,
        wanted: OrdersAfter,
        *,
        stop: Callable[[], bool],
        may_begin: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.cursor, self.done = wanted.after, False
        self._state, self._wanted, self._stop, self._may_begin = state, wanted, stop, may_begin
        self._full, self._shut, self._began = False, False, workflow.now()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._locked: set[str] = set()
        self._queues: defaultdict[str, deque[ChangeOrder]] = defaultdict(deque)
        self._later: dict[int, ChangeOrder] = {}
        self._sleepers: set[asyncio.Task[None]] = set()
        self._turns: dict[int, int] = defaultdict(int)

    async def run(self) -> bool:
        """True when all is done or it was held up; False when the history is long enough.

        Either way nothing is under way any more. `done` says whether nothing is left either.
        """
        await self._hand_out()
        await workflow.wait_condition(self._is_over)
        for sleeper in self._sleepers:
            sleeper.cancel()
        self._state.stuck.clear()
        waiting = [*self._later, *(each.ordinal for q in self._queues.values() for each in q)]
        if waiting:
            self.cursor, self.done = min(waiting) - 1, False
        return not self._full

    async def _hand_out(self) -> None:
        while True:
            page = await activity_calls.orders(
                self._wanted.model_copy(update={"after": self.cursor})
            )
            if not page:
                self.done = True
                return
            await self._room()
            if self._closed():
                return
            if self._may_begin and not await self._may_begin():
                self._shut = True
                return
            for order in page:
                await self._room()
                if self._closed():
                    return
                self.cursor = order.ordinal
                self._take(order)

    async def _room(self) -> None:
        """Several may wait for it: whoever wakes second looks again."""
        most = self._state.task.concurrency
        while len(self._in_flight) >= most:
            await workflow.wait_condition(lambda: len(self._in_flight) < most)

    def _closed(self) -> bool:
        """Whether nothing more is to be begun in this run."""
        self._full = self._full or workflow.info().is_continue_as_new_suggested()
        return self._full or self._shut or self._stop()

    def _is_over(self) -> bool:
        return not self._in_flight and (not self._later or self._closed())

    def _take(self, order: ChangeOrder) -> None:
        if order.lock in self._locked:
            self._queues[order.lock].append(order)
        else:
            self._start(order)

    def _start(self, order: ChangeOrder) -> None:
        if order.lock:
            self._locked.add(order.lock)
        if order.begun_at is None and order.direction is Direction.DEPLOY:
            order = order.model_copy(update={"begun_at": workflow.now()})
        task = asyncio.create_task(self._make(order))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _make(self, order: ChangeOrder) -> None:
        """One failure never stops the others: it is recorded with its cause."""
        try:
            became = await activity_calls.change(order)
        except ActivityError as failure:
            await self._failed(order, failure)
        else:
            self._ended(order, became)
        if order.lock:
            self._locked.discard(order.lock)
            queue = self._queues[order.lock]
            if queue and not self._closed():
                self._start(queue.popleft())

    async def _failed(self, order: ChangeOrder, failure: ActivityError) -> None:
        cause = cause_of(failure)
        self._turns[order.ordinal] += 1
        rest = pause(self._turns[order.ordinal])
        next_at, until = workflow.now() + rest, self._until(order)
        if may_pass(failure) and next_at < until:
            self._state.stuck[order.ordinal] = Stuck(
                resource=order.label,
                direction=order.direction,
                cause=str(cause),
                next_at=next_at,
                until=until,
            )
            self._try_later(order, rest)
            await self._tell_stuck(order, cause)
            return
        if order.why is not None:
            cause = not_taken_back(order.why, cause)
        await activity_calls.record_failure(order, cause)
        self._ended(order, OutcomeStatus.FAILED)

    def _until(self, order: ChangeOrder) -> datetime:
        """How long it may be tried; a way back waits for no window."""
        return give_up_at(
            order.begun_at or self._state.since or self._began,
            timedelta(seconds=self._state.task.rollout.keep_trying_seconds),
            closes=self._state.closes if order.direction is Direction.DEPLOY else None,
            expires=order.expires_at,
        )

    def _ended(self, order: ChangeOrder, became: OutcomeStatus | None) -> None:
        self._turns.pop(order.ordinal, None)
        if self._state.stuck.pop(order.ordinal, None):
            self._state.show()
        unverified = became is OutcomeStatus.UNVERIFIED
        if unverified and self._state.task.rollout.accept_unverified:
            return
        if order.direction is Direction.DEPLOY and became in COUNTED:
            self._state.failures += 1

    def _try_later(self, order: ChangeOrder, rest: timedelta) -> None:
        self._later[order.ordinal] = order
        sleeper = asyncio.create_task(self._sleep(order, rest))
        self._sleepers.add(sleeper)
        sleeper.add_done_callback(self._sleepers.discard)

    async def _sleep(self, order: ChangeOrder, rest: timedelta) -> None:
        await asyncio.sleep(rest.total_seconds())
        await self._room()
        if not self._closed():
            del self._later[order.ordinal]
            self._take(order)

    async def _tell_stuck(self, order: ChangeOrder, cause: Cause) -> None:
        """Whoever looks at the task sees why it takes long; after a while its contacts are told."""
        state = self._state
        state.show()
        if order.direction is Direction.DEPLOY:
            await activity_calls.still_trying(order, cause)
        if self._turns[order.ordinal] == TURNS_UNTIL_TOLD and not state.told_stuck:
            state.told_stuck = True
            told = events.retrying(state.round + 1)
            await tell_contacts(state.task.task_id, told, state.task.contacts)
