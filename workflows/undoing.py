"""What a task takes back by itself: the same changes inverted, through the same steps."""

from temporalio import workflow

from workflows import change_steps, steps
from workflows.fan_out import FanOut
from workflows.state import State

with workflow.unsafe.imports_passed_through():
    from domain.retrying import TAKEN_BACK, Undoing
    from domain.task import Cause, Direction
    from domain.waves import OnBreach


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
        await steps.record_event(state.task.task_id, "rollback", "certroll", str(state.breach))
    wave = state.wave if way is OnBreach.ROLL_BACK_WAVE else None
    return await _undo(state, Undoing(round=state.round, reason=reason), wave)


async def _undo(state: State, undoing: Undoing, wave: int | None) -> bool:
    task_id, state.since = state.task.task_id, state.since or workflow.now()
    fan_out = FanOut(
        state,
        change_steps.wanted(
            task_id, Direction.ROLL_BACK, state.cursor, wave=wave, by_itself=undoing
        ),
        stop=lambda: False,
    )
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    return finished
