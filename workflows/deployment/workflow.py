"""The workflow of one deployment task: its signals, updates and query, and its phases.

starter/requests starts it; other services may signal it.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from workflows.deployment import activity_calls, retry, rollback, rollout
from workflows.deployment import state as task_state
from workflows.deployment.reporting import update_details
from workflows.deployment.state import State

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from domain.model import Value
    from domain.tasks.audit import TaskEventCode
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


class InvalidRequest(Exception):
    """A signal's argument is not valid; the text names each wrong field."""


def parse_request(model: type[M], arguments: Sequence[Any]) -> M:
    """The one argument of a signal as a value; raises InvalidRequest.

    Signal handlers take any JSON: Temporal drops an argument that does not fit its handler's type
    and only logs it in the worker.
    """
    if len(arguments) != 1:
        raise InvalidRequest(f"one JSON object is expected, {len(arguments)} arguments were sent")
    try:
        return model.model_validate(arguments[0])
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        text = "; ".join(f"{'.'.join(map(str, f['loc'])) or 'it'}: {f['msg']}" for f in faults)
        raise InvalidRequest(text) from None


@workflow.defn(name=WORKFLOW_TYPE)
class DeploymentTask:
    """Reserves quota, waits, deploys, settles, notifies, and stays open for rollback and retry."""

    @workflow.init
    def __init__(self, task: TaskInput) -> None:
        self._state = State(task)

    @workflow.signal
    def rollback(self, *arguments: Any) -> None:
        """Rolls back some resources or all, once the phase under way has ended."""
        try:
            self._state.rollbacks.append(parse_request(RollbackRequest, arguments))
        except InvalidRequest as refused:
            self._state.add_note(f"signal rollback refused: {refused}")

    @workflow.signal
    def cancel(self, *arguments: Any) -> None:
        """Starts no further change. Deployed changes stay."""
        try:
            cancel = parse_request(CancelRequest, arguments)
        except InvalidRequest as refused:
            self._state.add_note(f"signal cancel refused: {refused}")
        else:
            self._state.cancel(f"cancel requested by {cancel.requested_by}: {cancel.reason}")

    @workflow.signal
    def delete(self, *arguments: Any) -> None:
        """Cancels changes that have not started, and closes the task."""
        try:
            self._state.delete_request = parse_request(DeleteRequest, arguments)
        except InvalidRequest as refused:
            self._state.add_note(f"signal delete refused: {refused}")
        else:
            self._state.cancel(f"delete requested by {self._state.delete_request.requested_by}")

    @workflow.signal
    def retry(self, *arguments: Any) -> None:
        """Tries failed changes again, once the phase under way has ended."""
        try:
            self._state.retries.append(parse_request(RetryRequest, arguments))
        except InvalidRequest as refused:
            self._state.add_note(f"signal retry refused: {refused}")

    @workflow.signal(dynamic=True)
    def refuse_unknown(self, name: str, arguments: Sequence[RawValue]) -> None:
        """Refuses a signal of any other name: Temporal would keep it for a handler to come."""
        self._state.add_note(f"signal {name[:40]!r} refused: there is no such signal")

    @workflow.update
    async def proceed(self, request: ProceedRequest) -> int:
        """Opens the gate; answers with the number of the wave that begins, from 1."""
        state, following = self._state, self._state.wave + 2
        state.may_proceed = True
        await self._record_request(TaskEventCode.PROCEED, request)
        return following

    @proceed.validator
    def _may_proceed(self, request: ProceedRequest) -> None:
        if not self._state.waits_for_proceed:
            text = task_state.explain_refused_proceed(self._state)
            raise ApplicationError(text, type="not-at-a-gate")

    @workflow.update
    async def stop(self, request: StopRequest) -> None:
        """Starts no further change. Deployed changes stay and decide the task's status."""
        self._state.stop_request = request
        await self._record_request(TaskEventCode.STOP, request)

    @stop.validator
    def _may_stop(self, request: StopRequest) -> None:
        if self._state.phase is not Phase.DEPLOYING or self._state.is_stopped:
            text = task_state.explain_refused_stop(self._state)
            raise ApplicationError(text, type="not-deploying")

    async def _record_request(
        self, code: TaskEventCode, request: ProceedRequest | StopRequest
    ) -> None:
        """Records who requested it and why, in the notes and the audit log."""
        by, why = request.requested_by, request.reason
        self._state.add_note(f"{code.value} by {by}: {why}")
        await activity_calls.record_event(self._state.task.task_id, code, by, why)

    @workflow.update
    async def reschedule(self, request: RescheduleRequest) -> datetime:
        """Sets another time; a past one means at once. Answers with the time."""
        self._state.set_time(request.at)
        self._state.add_note(f"rescheduled to {request.at.isoformat()}")
        await activity_calls.record_time(self._state.task.task_id, request.at)
        return request.at

    @reschedule.validator
    def _may_reschedule(self, request: RescheduleRequest) -> None:
        if not self._state.may_be_rescheduled:
            text = f"the task no longer waits, it is {self._state.status.value}"
            raise ApplicationError(text, type="not-waiting")

    @workflow.query
    def progress(self) -> Progress:
        """The task's progress; its counters are as of the last phase that ended."""
        return self._state.progress()

    @workflow.run
    async def run(self, task: TaskInput) -> TaskStatus:
        """Runs until the task accepts no further request.

        The work runs in a coroutine of its own: so a cancellation from the Temporal Web UI acts
        like the signal `cancel`, and interrupts no step.
        """
        update_details(self._state.progress())
        work = asyncio.create_task(self._work())
        while not work.done():
            try:
                await workflow.wait_condition(work.done)
            except asyncio.CancelledError:
                self._state.is_closed = self._state.phase is Phase.SETTLED
                self._state.cancel("cancelled through Temporal")
        await workflow.wait_condition(workflow.all_handlers_finished)
        if not work.result():
            workflow.continue_as_new(self._state.build_next_input())
        return self._state.status

    async def _work(self) -> bool:
        """True when the task is over, False to continue as new."""
        state = self._state
        if state.phase is Phase.WAITING and not await rollout.wait_for_start(state):
            await self._mark_deleted()
            return True
        if state.phase is Phase.DEPLOYING and not await rollout.deploy(state):
            return False
        if state.is_history_long:
            return False
        if not await self._stay_open():
            return False
        await self._mark_deleted()
        return True

    async def _stay_open(self) -> bool:
        """Serves rollback and retry requests until the rollback window ends.

        False to continue as new.
        """
        state = self._state
        while not state.is_closed:
            if state.rollbacks:
                if not await rollback.run_rollback(state, state.rollbacks[0]):
                    return False
                if state.is_history_long:
                    return False
                continue
            if state.retries:
                if not await retry.run_retry(state, state.retries[0]):
                    return False
                continue
            left = (state.rollback_until - workflow.now()).total_seconds()
            if state.delete_request or left <= 0:
                break
            await self._wait_for_request(left)
        return True

    async def _wait_for_request(self, seconds: float) -> None:
        state = self._state
        try:
            await workflow.wait_condition(
                lambda: bool(
                    state.rollbacks or state.retries or state.delete_request or state.is_closed
                ),
                timeout=seconds,
                timeout_summary="open for rollback",
            )
        except TimeoutError:
            state.is_closed = True

    async def _mark_deleted(self) -> None:
        if request := self._state.delete_request:
            await activity_calls.delete(
                self._state.task.task_id, request.requested_by, request.reason
            )
