"""The way back: the same changes inverted, through the same steps."""

from temporalio import workflow

from workflows import steps
from workflows.fan_out import FanOut
from workflows.state import State
from workflows.telling import tell_contacts

with workflow.unsafe.imports_passed_through():
    from domain.status import Phase
    from domain.task import Direction, RollbackRequest


async def take_back(state: State, request: RollbackRequest) -> bool:
    """Takes back what was applied of what is named; False when a new history has to begin.

    Resources that are back already are not touched: the same signal again changes nothing.
    """
    if state.phase is Phase.SETTLED and not await _begin(state, request):
        state.rollbacks.pop(0)
        state.note(f"nothing to take back for {request.requested_by}")
        return True
    fan_out = FanOut(
        state.task.task_id,
        Direction.ROLL_BACK,
        concurrency=state.task.concurrency,
        cursor=state.cursor,
        stop=lambda: False,
        only=request.resources,
    )
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    if finished:
        await _end(state, request)
    return finished


async def _begin(state: State, request: RollbackRequest) -> bool:
    task_id = state.task.task_id
    if request.resources:
        unknown = await steps.unknown_resources(task_id, request.resources)
        if unknown:
            state.note(f"rollback refused, not in this task: {', '.join(unknown[:3])}")
    if not await steps.orders(task_id, -1, Direction.ROLL_BACK, request.resources):
        return False
    await steps.record_event(task_id, "rollback", request.requested_by, request.reason)
    state.cursor = -1
    state.enter(Phase.ROLLING_BACK)
    await steps.record_status(task_id, state.status)
    return True


async def _end(state: State, request: RollbackRequest) -> None:
    task = state.task
    state.rollbacks.pop(0)
    state.rollbacks_done += 1
    state.tally = await steps.tally(task.task_id)
    state.enter(Phase.SETTLED)
    state.note(f"rollback by {request.requested_by} ended: {request.reason}")
    await steps.record_status(task.task_id, state.status)
    await tell_contacts(task.task_id, f"rolled_back-{state.rollbacks_done}", task.contacts)
