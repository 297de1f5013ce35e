"""Runs many changes, a limited number at once. Called by waves.py and rollback.py.

A change that fails for a reason that may pass frees its slot and is tried again after a backoff,
until the deadline of `domain.rollout.backoff`. So a service that is down for an hour holds up no
other service.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls
from workflows.deployment.reporting import notify_contacts
from workflows.deployment.state import State
from workflows.failures import build_cause, is_retryable
from workflows.policies import SERIES_UNTIL_NOTIFIED

with workflow.unsafe.imports_passed_through():
    from datetime import datetime, timedelta

    from activities.bookkeeping import OrderPage
    from domain.cause import Cause
    from domain.notifications import events
    from domain.rollout.backoff import compute_backoff, compute_retry_deadline
    from domain.tasks.messages import ChangeOrder, Direction, RetryingChange
    from domain.tasks.retry import build_failed_rollback_cause
    from domain.tasks.status import OutcomeStatus

COUNTED_AS_FAILURE = {OutcomeStatus.FAILED, OutcomeStatus.UNVERIFIED}


class FanOut:
    """The changes of `request`. All changes up to the ordinal `cursor` have ended.

    `stop` is checked before each change starts, `may_begin` before each page of changes.

    Changes with the same lock run one after the other. A change that waits for its lock takes no
    slot: two hundred changes of one load balancer must not hold up all other services.
    """

    def __init__(
        self,
        state: State,
        request: OrderPage,
        *,
        stop: Callable[[], bool],
        may_begin: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self.cursor, self.is_done = request.after, False
        self._state, self._request, self._stop, self._may_begin = state, request, stop, may_begin
        self._is_history_full, self._is_window_closed, self._started_at = (
            False,
            False,
            workflow.now(),
        )
        self._in_flight: set[asyncio.Task[None]] = set()
        self._locked: set[str] = set()
        self._queues: defaultdict[str, deque[ChangeOrder]] = defaultdict(deque)
        self._to_retry: dict[int, ChangeOrder] = {}
        self._sleepers: set[asyncio.Task[None]] = set()
        self._failed_series: dict[int, int] = defaultdict(int)

    async def run(self) -> bool:
        """Returns when nothing is under way any more; `is_done` says whether all changes ended.

        False if the workflow has to continue as new first.
        """
        await self._start_all()
        await workflow.wait_condition(self._is_over)
        for sleeper in self._sleepers:
            sleeper.cancel()
        self._state.retrying.clear()
        waiting = [*self._to_retry, *(each.ordinal for q in self._queues.values() for each in q)]
        if waiting:
            self.cursor, self.is_done = min(waiting) - 1, False
        return not self._is_history_full

    async def _start_all(self) -> None:
        while True:
            page = await activity_calls.list_orders(
                self._request.model_copy(update={"after": self.cursor})
            )
            if not page:
                self.is_done = True
                return
            await self._wait_for_slot()
            if self._is_closed():
                return
            if self._may_begin and not await self._may_begin():
                self._is_window_closed = True
                return
            for order in page:
                await self._wait_for_slot()
                if self._is_closed():
                    return
                self.cursor = order.ordinal
                self._start_or_queue(order)

    async def _wait_for_slot(self) -> None:
        # Several coroutines may wait for one slot; each checks again when it wakes.
        most = self._state.task.concurrency
        while len(self._in_flight) >= most:
            await workflow.wait_condition(lambda: len(self._in_flight) < most)

    def _is_closed(self) -> bool:
        """Whether this run starts no further change."""
        self._is_history_full = (
            self._is_history_full or workflow.info().is_continue_as_new_suggested()
        )
        return self._is_history_full or self._is_window_closed or self._stop()

    def _is_over(self) -> bool:
        return not self._in_flight and (not self._to_retry or self._is_closed())

    def _start_or_queue(self, order: ChangeOrder) -> None:
        if order.lock in self._locked:
            self._queues[order.lock].append(order)
        else:
            self._start(order)

    def _start(self, order: ChangeOrder) -> None:
        if order.lock:
            self._locked.add(order.lock)
        if order.first_attempt_at is None and order.direction is Direction.DEPLOY:
            order = order.model_copy(update={"first_attempt_at": workflow.now()})
        task = asyncio.create_task(self._run_change(order))
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _run_change(self, order: ChangeOrder) -> None:
        """Makes one change and records its failure; a failure never stops the other changes."""
        try:
            status = await activity_calls.make_change(order)
        except ActivityError as failure:
            await self._handle_failure(order, failure)
        else:
            self._count_outcome(order, status)
        if order.lock:
            self._locked.discard(order.lock)
            queue = self._queues[order.lock]
            if queue and not self._is_closed():
                self._start(queue.popleft())

    async def _handle_failure(self, order: ChangeOrder, failure: ActivityError) -> None:
        cause = build_cause(failure)
        self._failed_series[order.ordinal] += 1
        pause = compute_backoff(self._failed_series[order.ordinal])
        next_at, until = workflow.now() + pause, self._compute_deadline(order)
        if is_retryable(failure) and next_at < until:
            self._state.retrying[order.ordinal] = RetryingChange(
                resource=order.label,
                direction=order.direction,
                cause=str(cause),
                next_at=next_at,
                until=until,
            )
            self._schedule_retry(order, pause)
            await self._report_retry(order, cause)
            return
        if order.rollback_cause is not None:
            cause = build_failed_rollback_cause(order.rollback_cause, cause)
        await activity_calls.record_failure(order, cause)
        self._count_outcome(order, OutcomeStatus.FAILED)

    def _compute_deadline(self, order: ChangeOrder) -> datetime:
        """Until when the change is retried; a rollback ignores the maintenance window."""
        return compute_retry_deadline(
            order.first_attempt_at or self._state.rollback_started_at or self._started_at,
            timedelta(seconds=self._state.task.rollout.keep_trying_seconds),
            window_end=self._state.window_end if order.direction is Direction.DEPLOY else None,
            expires_at=order.expires_at,
        )

    def _count_outcome(self, order: ChangeOrder, status: OutcomeStatus | None) -> None:
        self._failed_series.pop(order.ordinal, None)
        if self._state.retrying.pop(order.ordinal, None):
            self._state.update_details()
        unverified = status is OutcomeStatus.UNVERIFIED
        if unverified and self._state.task.rollout.accept_unverified:
            return
        if order.direction is Direction.DEPLOY and status in COUNTED_AS_FAILURE:
            self._state.failures += 1

    def _schedule_retry(self, order: ChangeOrder, pause: timedelta) -> None:
        self._to_retry[order.ordinal] = order
        sleeper = asyncio.create_task(self._sleep(order, pause))
        self._sleepers.add(sleeper)
        sleeper.add_done_callback(self._sleepers.discard)

    async def _sleep(self, order: ChangeOrder, pause: timedelta) -> None:
        await asyncio.sleep(pause.total_seconds())
        await self._wait_for_slot()
        if not self._is_closed():
            del self._to_retry[order.ordinal]
            self._start_or_queue(order)

    async def _report_retry(self, order: ChangeOrder, cause: Cause) -> None:
        """Shows why the change is retried; notifies the contacts if it fails for long."""
        state = self._state
        state.update_details()
        if order.direction is Direction.DEPLOY:
            await activity_calls.record_retry_cause(order, cause)
        if (
            self._failed_series[order.ordinal] == SERIES_UNTIL_NOTIFIED
            and not state.has_reported_retries
        ):
            state.has_reported_retries = True
            event = events.build_retrying_event(state.round + 1)
            await notify_contacts(state.task.task_id, event, state.task.contacts)
