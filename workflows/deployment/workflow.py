"""One deployment task: what others may say to it, and its phases from first to last."""

import asyncio
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow

from workflows.deployment import activity_calls, retry, rollback, rollout
from workflows.deployment import state as standing
from workflows.deployment.reporting import show
from workflows.deployment.state import State

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.model import Value

with workflow.unsafe.imports_passed_through():
    from domain.tasks.messages import (
        WORKFLOW_TYPE,
        CancelRequest,
        DeleteRequest,
        ProceedRequest,
        Progress,
        RescheduleRequest,
        RetryRequest,
        RollbackRequest,
        StopRequest,
        TaskInput,
    )
    from domain.tasks.status import Phase, TaskStatus


M = TypeVar("M", bound=Value)


class Refused(Exception):
    """A signal that was not understood; the text says what is wrong with it."""


def read(model: type[M], request: Any) -> M:
    """The request as a value; raises Refused naming each wrong field.

    Handlers take any JSON, since the engine drops a signal that does not fit its handler's type
    with nothing but a line in a worker's log.
    """
    try:
        return model.model_validate(request)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        told = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'it'}: {f['msg']}" for f in faults)
        raise Refused(told) from None


@workflow.defn(name=WORKFLOW_TYPE)
class DeploymentTask:
    """Reserves, waits, installs, deploys, settles, tells, and stays open for the way back."""

    @workflow.init
    def __init__(self, task: TaskInput) -> None:
        self._state = State(task)

    @workflow.signal
    def rollback(self, request: Any) -> None:
        """Take back some resources or all. Remembered until what is under way has ended."""
        try:
            self._state.rollbacks.append(read(RollbackRequest, request))
        except Refused as refused:
            self._state.note(f"signal rollback refused: {refused}")

    @workflow.signal
    def cancel(self, request: Any) -> None:
        """Begin nothing more. What is deployed stays."""
        try:
            asked = read(CancelRequest, request)
        except Refused as refused:
            self._state.note(f"signal cancel refused: {refused}")
        else:
            self._state.cancel(f"cancel asked by {asked.requested_by}: {asked.reason}")

    @workflow.signal
    def delete(self, request: Any) -> None:
        """Cancel what was not begun, and stay open no longer."""
        try:
            self._state.deleted = read(DeleteRequest, request)
        except Refused as refused:
            self._state.note(f"signal delete refused: {refused}")
        else:
            self._state.cancel(f"delete asked by {self._state.deleted.requested_by}")

    @workflow.signal
    def retry(self, request: Any) -> None:
        """Try once more what failed. Remembered until what is under way has ended."""
        try:
            self._state.retries.append(read(RetryRequest, request))
        except Refused as refused:
            self._state.note(f"signal retry refused: {refused}")

    @workflow.update
    async def proceed(self, request: ProceedRequest) -> int:
        """A person's word to go on; answers with the number of the wave that begins, from 1."""
        state, following = self._state, self._state.wave + 2
        state.proceeds = True
        await self._heard("proceed", request)
        return following

    @proceed.validator
    def _may_proceed(self, request: ProceedRequest) -> None:
        if not self._state.asks:
            raise ValueError(standing.refuse_proceed(self._state))

    @workflow.update
    async def stop(self, request: StopRequest) -> None:
        """Begin no further change. What is deployed stays, and decides what the task is called."""
        self._state.halt = request
        await self._heard("stop", request)

    @stop.validator
    def _may_stop(self, request: StopRequest) -> None:
        if self._state.phase is not Phase.DEPLOYING or self._state.stopped:
            raise ValueError(standing.refuse_stop(self._state))

    async def _heard(self, word: str, request: ProceedRequest | StopRequest) -> None:
        """Keeps who said so and why, where people look."""
        by, why = request.requested_by, request.reason
        self._state.note(f"{word} by {by}: {why}")
        await activity_calls.record_event(self._state.task.task_id, word, by, why)

    @workflow.update
    async def reschedule(self, request: RescheduleRequest) -> datetime:
        """Another time; one in the past means at once. Answers with the time."""
        self._state.move(request.at)
        self._state.note(f"rescheduled to {request.at.isoformat()}")
        await activity_calls.record_time(self._state.task.task_id, request.at)
        return request.at

    @reschedule.validator
    def _may_reschedule(self, request: RescheduleRequest) -> None:
        if not self._state.waits:
            raise ValueError(f"the task no longer waits, it is {self._state.status.value}")

    @workflow.query
    def progress(self) -> Progress:
        """Where the task stands; its counters are as of the last phase that ended."""
        return self._state.progress()

    @workflow.run
    async def run(self, task: TaskInput) -> TaskStatus:
        """Runs until nothing can be asked of the task any more.

        The work runs beside, so that a cancellation from the Temporal Web UI does what the
        signal does, and does not tear a step apart in the middle.
        """
        show(self._state.progress())
        work = asyncio.create_task(self._work())
        while not work.done():
            try:
                await workflow.wait_condition(work.done)
            except asyncio.CancelledError:
                self._state.closed = self._state.phase is Phase.SETTLED
                self._state.cancel("cancelled through Temporal")
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not work.result():
            workflow.continue_as_new(self._state.follower())
        return self._state.status

    async def _work(self) -> bool:
        """True when the task is over, False when it goes on with a new history."""
        state = self._state
        if state.phase is Phase.WAITING and not await rollout.wait(state):
            await self._mark_deleted()
            return True
        if state.phase is Phase.DEPLOYING and not await rollout.deploy(state):
            return False
        if state.history_is_long:
            return False
        if not await self._stay_open():
            return False
        await self._mark_deleted()
        return True

    async def _stay_open(self) -> bool:
        """Takes back and tries again what is asked, until the window ends; False for a new one."""
        state = self._state
        while not state.closed:
            if state.rollbacks:
                if not await rollback.take_back(state, state.rollbacks[0]):
                    return False
                if state.history_is_long:
                    return False
                continue
            if state.retries:
                if not await retry.again(state, state.retries[0]):
                    return False
                continue
            left = (state.rollback_until - workflow.now()).total_seconds()
            if state.deleted or left <= 0:
                break
            await self._listen(left)
        return True

    async def _listen(self, seconds: float) -> None:
        state = self._state
        try:
            await workflow.wait_condition(
                lambda: bool(state.rollbacks or state.retries or state.deleted or state.closed),
                timeout=seconds,
                timeout_summary="open for rollback",
            )
        except TimeoutError:
            state.closed = True

    async def _mark_deleted(self) -> None:
        if asked := self._state.deleted:
            await activity_calls.delete(self._state.task.task_id, asked.requested_by, asked.reason)
