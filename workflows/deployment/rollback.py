"""Rolls changes back: on request, and automatically after failures. Called by the other phases.

A rollback uses the same steps as a deployment, with inverted changes.
"""

from temporalio import workflow

from workflows.deployment import activity_calls
from workflows.deployment.fan_out import FanOut
from workflows.deployment.reporting import notify_contacts
from workflows.deployment.state import State

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import OrderPage
    from domain.cause import Cause
    from domain.notifications import events
    from domain.rollout.policy import OnBudgetExceeded
    from domain.tasks.audit import CERTROLL, TaskEventCode
    from domain.tasks.messages import Direction, RollbackRequest
    from domain.tasks.retry import ROLLBACK_REQUESTED, ROLLED_BACK_WITH_WAVE, AutomaticRollback
    from domain.tasks.status import Phase


async def roll_back_failed(state: State) -> bool:
    """Rolls back the wave's applied changes that failed; False to continue as new."""
    if not state.task.rollout.roll_back_failed or state.is_whole_rollback_requested:
        return True
    return await _run_automatic_rollback(state, AutomaticRollback(round=state.round), state.wave)


async def roll_back_over_budget(state: State) -> bool:
    """Rolls back what the policy says once the budget is exceeded; False to continue as new."""
    policy = state.task.rollout.on_budget_exceeded
    if policy is OnBudgetExceeded.STOP:
        return True
    reason = Cause(code=ROLLED_BACK_WITH_WAVE, message=str(state.budget_exceeded))
    if state.rollback_started_at is None:
        await activity_calls.record_event(
            state.task.task_id, TaskEventCode.ROLLBACK, CERTROLL, str(state.budget_exceeded)
        )
    wave = state.wave if policy is OnBudgetExceeded.ROLL_BACK_WAVE else None
    return await _run_automatic_rollback(
        state, AutomaticRollback(round=state.round, reason=reason), wave
    )


async def _run_automatic_rollback(
    state: State, rollback: AutomaticRollback, wave: int | None
) -> bool:
    task_id, state.rollback_started_at = (
        state.task.task_id,
        state.rollback_started_at or workflow.now(),
    )
    fan_out = FanOut(
        state,
        activity_calls.build_order_page(
            task_id, Direction.ROLL_BACK, state.cursor, wave=wave, automatic_rollback=rollback
        ),
        stop=lambda: False,
    )
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    return finished


async def run_rollback(state: State, request: RollbackRequest) -> bool:
    """Rolls back the applied changes of the request; False to continue as new.

    Changes that are rolled back already are not touched: repeating the signal changes nothing.
    """
    if state.phase is Phase.SETTLED and not await _begin_rollback(state, request):
        _drop(state, request)
        return True
    fan_out = _build_fan_out(state, request, state.cursor)
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    if finished:
        await _end_rollback(state, request)
    return finished


async def run_rollback_while_waiting(state: State, request: RollbackRequest) -> bool:
    """As `run_rollback`, while the task waits for its next window or wave and goes on afterwards.

    A rollback never waits for a window. Requested changes that have not started are skipped.
    """
    await skip_requested(state, request)
    if not await _has_changes(state, request):
        _drop(state, request)
        return True
    await _record_event(state, request)
    finished = await _build_fan_out(state, request, cursor=-1).run()
    if finished:
        await _count_outcomes(state, request)
        await _notify(state)
    return finished


async def skip_requested(state: State, request: RollbackRequest) -> None:
    """Skips requested changes that have not started."""
    text = f"{request.requested_by} requested its rollback before it started"
    cause = Cause(code=ROLLBACK_REQUESTED, message=text)
    await activity_calls.skip(state.task.task_id, cause, request.resources)


async def note_unknown_resources(
    state: State, what: str, resources: tuple[str, ...] | None
) -> None:
    """Adds a note about requested resources that are not in the task."""
    if resources:
        unknown = await activity_calls.find_unknown_resources(state.task.task_id, resources)
        if unknown:
            state.add_note(f"{what} refused, not in this task: {', '.join(unknown[:3])}")


async def _begin_rollback(state: State, request: RollbackRequest) -> bool:
    if not await _has_changes(state, request):
        return False
    await _record_event(state, request)
    state.cursor, state.rollback_started_at = -1, workflow.now()
    state.begin_phase(Phase.ROLLING_BACK)
    await activity_calls.record_status(state.task.task_id, state.status)
    return True


async def _has_changes(state: State, request: RollbackRequest) -> bool:
    await note_unknown_resources(state, "rollback", request.resources)
    return bool(await activity_calls.list_orders(_build_order_page(state, request, cursor=-1)))


async def _record_event(state: State, request: RollbackRequest) -> None:
    task_id = state.task.task_id
    await activity_calls.record_event(
        task_id, TaskEventCode.ROLLBACK, request.requested_by, request.reason
    )


def _build_order_page(state: State, request: RollbackRequest, cursor: int) -> OrderPage:
    task_id = state.task.task_id
    only, force = request.resources, request.force
    return activity_calls.build_order_page(
        task_id, Direction.ROLL_BACK, cursor, only=only, force=force
    )


def _build_fan_out(state: State, request: RollbackRequest, cursor: int) -> FanOut:
    state.rollback_started_at = state.rollback_started_at or workflow.now()
    return FanOut(state, _build_order_page(state, request, cursor), stop=lambda: False)


def _drop(state: State, request: RollbackRequest) -> None:
    state.rollbacks.pop(0)
    state.add_note(f"nothing to roll back for {request.requested_by}")


async def _end_rollback(state: State, request: RollbackRequest) -> None:
    await _count_outcomes(state, request)
    state.begin_phase(Phase.SETTLED)
    state.add_note(f"rollback by {request.requested_by} ended: {request.reason}")
    await activity_calls.record_status(state.task.task_id, state.status)
    await _notify(state)


async def _count_outcomes(state: State, request: RollbackRequest) -> None:
    state.rollbacks.pop(0)
    state.rollbacks_done += 1
    state.rollback_started_at = None
    state.tally = await activity_calls.count_outcomes(state.task.task_id)


async def _notify(state: State) -> None:
    task = state.task
    await notify_contacts(
        task.task_id, events.build_rolled_back_event(state.rollbacks_done), task.contacts
    )
