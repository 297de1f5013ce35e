"""The way back: the same changes inverted, through the same steps."""

from temporalio import workflow

from workflows.deployment import activity_calls
from workflows.deployment.fan_out import FanOut
from workflows.deployment.reporting import tell_contacts
from workflows.deployment.state import State

with workflow.unsafe.imports_passed_through():
    from domain.cause import Cause
    from domain.rollout.policy import OnBreach
    from domain.tasks.messages import Direction
    from domain.tasks.retry import TAKEN_BACK, Undoing

with workflow.unsafe.imports_passed_through():
    from activities.bookkeeping import OrdersAfter
    from domain.cause import Cause
    from domain.notifications import events
    from domain.tasks.messages import Direction, RollbackRequest
    from domain.tasks.retry import ROLLED_BACK_BEFORE
    from domain.tasks.status import Phase


async def what_failed(state: State) -> bool:
    """What was changed and could not be verified; False when a new history has to begin."""
    if not state.task.rollout.take_back_failed or state.taken_back_whole:
        return True
    return await _undo(state, Undoing(round=state.round), state.wave)


async def what_breached(state: State) -> bool:
    """After too many failures: the wave, all of the task so far, or nothing. False as above."""
    way = state.task.rollout.on_breach
    if way is OnBreach.STOP:
        return True
    reason = Cause(code=TAKEN_BACK, message=str(state.breach))
    if state.since is None:
        await activity_calls.record_event(
            state.task.task_id, "rollback", "certroll", str(state.breach)
        )
    wave = state.wave if way is OnBreach.ROLL_BACK_WAVE else None
    return await _undo(state, Undoing(round=state.round, reason=reason), wave)


async def _undo(state: State, undoing: Undoing, wave: int | None) -> bool:
    task_id, state.since = state.task.task_id, state.since or workflow.now()
    fan_out = FanOut(
        state,
        activity_calls.wanted(
            task_id, Direction.ROLL_BACK, state.cursor, wave=wave, by_itself=undoing
        ),
        stop=lambda: False,
    )
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    return finished


async def take_back(state: State, request: RollbackRequest) -> bool:
    """Takes back what was applied of what is named; False when a new history has to begin.

    Resources that are back already are not touched: the same signal again changes nothing.
    """
    if state.phase is Phase.SETTLED and not await _begin(state, request):
        _forget(state, request)
        return True
    fan_out = _fan_out(state, request, state.cursor)
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    if finished:
        await _end(state, request)
    return finished


async def take_back_meanwhile(state: State, request: RollbackRequest) -> bool:
    """The same while the task waits for its next opening or wave, to which it goes on after that.

    A way back never waits for a window. What is named and was not begun is left out.
    """
    await leave_out(state, request)
    if not await _has_work(state, request):
        _forget(state, request)
        return True
    await _record(state, request)
    finished = await _fan_out(state, request, cursor=-1).run()
    if finished:
        await _count(state, request)
        await _tell(state)
    return finished


async def leave_out(state: State, request: RollbackRequest) -> None:
    """What is named and was not begun is not begun any more."""
    text = f"{request.requested_by} asked for its rollback before it was begun"
    cause = Cause(code=ROLLED_BACK_BEFORE, message=text)
    await activity_calls.skip(state.task.task_id, cause, request.resources)


async def refuse_unknown(state: State, what: str, resources: tuple[str, ...] | None) -> None:
    """Says so of named resources that are none of the task's."""
    if resources:
        unknown = await activity_calls.unknown_resources(state.task.task_id, resources)
        if unknown:
            state.note(f"{what} refused, not in this task: {', '.join(unknown[:3])}")


async def _begin(state: State, request: RollbackRequest) -> bool:
    if not await _has_work(state, request):
        return False
    await _record(state, request)
    state.cursor, state.since = -1, workflow.now()
    state.enter(Phase.ROLLING_BACK)
    await activity_calls.record_status(state.task.task_id, state.status)
    return True


async def _has_work(state: State, request: RollbackRequest) -> bool:
    await refuse_unknown(state, "rollback", request.resources)
    return bool(await activity_calls.orders(_orders(state, request, cursor=-1)))


async def _record(state: State, request: RollbackRequest) -> None:
    task_id = state.task.task_id
    await activity_calls.record_event(task_id, "rollback", request.requested_by, request.reason)


def _orders(state: State, request: RollbackRequest, cursor: int) -> OrdersAfter:
    task_id = state.task.task_id
    only, force = request.resources, request.force
    return activity_calls.wanted(task_id, Direction.ROLL_BACK, cursor, only=only, force=force)


def _fan_out(state: State, request: RollbackRequest, cursor: int) -> FanOut:
    state.since = state.since or workflow.now()
    return FanOut(state, _orders(state, request, cursor), stop=lambda: False)


def _forget(state: State, request: RollbackRequest) -> None:
    state.rollbacks.pop(0)
    state.note(f"nothing to take back for {request.requested_by}")


async def _end(state: State, request: RollbackRequest) -> None:
    await _count(state, request)
    state.enter(Phase.SETTLED)
    state.note(f"rollback by {request.requested_by} ended: {request.reason}")
    await activity_calls.record_status(state.task.task_id, state.status)
    await _tell(state)


async def _count(state: State, request: RollbackRequest) -> None:
    state.rollbacks.pop(0)
    state.rollbacks_done += 1
    state.since = None
    state.tally = await activity_calls.tally(state.task.task_id)


async def _tell(state: State) -> None:
    task = state.task
    await tell_contacts(task.task_id, events.rolled_back(state.rollbacks_done), task.contacts)
