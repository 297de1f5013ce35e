"""Maintenance windows and freezes: asked before changes begin, slept through where they say so."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from workflows.deployment import activity_calls, rollback
from workflows.deployment.state import State


async def rest(state: State, over: Callable[[], bool], *, until: datetime | None) -> bool:
    """Between two waves: until the time, `over`, or the task is stopped.

    False when the history is long enough for a new one.
    """
    if state.history_is_long:
        return False

    def ends() -> bool:
        late = until is not None and workflow.now() >= until
        return late or over() or state.stopped

    while not ends():
        if not state.rollbacks:
            await wait(state, lambda: ends() or bool(state.rollbacks), until, "rests")
        elif not await rollback.take_back_meanwhile(state, state.rollbacks[0]):
            return False
    return True


async def wait(
    state: State, changed: Callable[[], bool], until: datetime | None, summary: str
) -> None:
    """Until something has changed, or until the time."""
    state.show()
    seconds = None if until is None else max((until - workflow.now()).total_seconds(), 0)
    told = summary if until is None else f"{summary} until {until.isoformat()}"
    try:
        await workflow.wait_condition(changed, timeout=seconds, timeout_summary=told)
    except TimeoutError:
        return


async def may_begin(state: State) -> bool:
    """Whether changes may begin now; if not, the task has got the time of its next opening."""
    asked, now = state.at, workflow.now()
    opening = await activity_calls.may_begin(state.task.task_id, now)
    if state.stopped:
        return False
    if state.at != asked:  # rescheduled meanwhile: the person's word is the later one
        await activity_calls.record_time(state.task.task_id, state.at)
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
        elif not await rollback.take_back_meanwhile(state, state.rollbacks[0]):
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
