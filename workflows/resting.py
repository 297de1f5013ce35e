"""Waiting in the middle of a task: a way back that is asked for does not wait for its end."""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from workflows import rolling_back
from workflows.state import State


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
        elif not await rolling_back.take_back_meanwhile(state, state.rollbacks[0]):
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
