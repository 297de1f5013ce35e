"""Maintenance windows and freezes: asked before changes begin, slept through where they say so."""

from temporalio import workflow

from workflows import rolling_back, steps
from workflows.state import State


async def may_begin(state: State) -> bool:
    """Whether changes may begin now; if not, the task has got the time of its next opening."""
    asked, now = state.at, workflow.now()
    opening = await steps.may_begin(state.task.task_id, now)
    if state.stopped:
        return False
    if state.at != asked:  # rescheduled meanwhile: the person's word is the later one
        await steps.record_time(state.task.task_id, state.at)
        return False
    if opening.at > now:
        state.move(opening.at)
        state.note(f"moved {opening.moved}")
        return False
    state.closes = opening.until
    if opening.overridden:
        state.note_once(opening.why)
    return True


async def sleep(state: State) -> None:
    """Until the task's time, or until it is stopped."""
    while not state.stopped and state.seconds_left > 0:
        await _sleep(state, until_asked_back=False)


async def pause(state: State) -> bool:
    """As `sleep`, between changes: a way back that is asked for does not wait.

    False when the history is long enough for a new one.
    """
    if state.pauses and state.history_is_long:
        return False
    while state.pauses:
        if not state.rollbacks:
            await _sleep(state, until_asked_back=True)
        elif not await rolling_back.take_back_meanwhile(state, state.rollbacks[0]):
            return False
    return True


async def _sleep(state: State, *, until_asked_back: bool) -> None:
    asked = state.at

    def changed() -> bool:
        return state.stopped or state.at != asked or (until_asked_back and bool(state.rollbacks))

    summary = f"waits until {asked.isoformat()}"
    try:
        await workflow.wait_condition(changed, timeout=state.seconds_left, timeout_summary=summary)
    except TimeoutError:
        return
