"""Waits for a task's time, for maintenance windows, and between waves.

Called by rollout.py and waves.py.
"""

from collections.abc import Callable
from datetime import datetime

from temporalio import workflow

from workflows.deployment import activity_calls, rollback
from workflows.deployment.state import State


async def wait_between_waves(
    state: State, over: Callable[[], bool], *, until: datetime | None
) -> bool:
    """Waits until the time, until `over()`, or until the task is stopped; rolls back meanwhile.

    False to continue as new.
    """
    if state.is_history_long:
        return False

    def ends() -> bool:
        late = until is not None and workflow.now() >= until
        return late or over() or state.is_stopped

    while not ends():
        if not state.rollbacks:
            await _wait_for_change(state, lambda: ends() or bool(state.rollbacks), until)
        elif not await rollback.run_rollback_while_waiting(state, state.rollbacks[0]):
            return False
    return True


async def _wait_for_change(
    state: State, changed: Callable[[], bool], until: datetime | None
) -> None:
    state.update_details()
    seconds = None if until is None else max((until - workflow.now()).total_seconds(), 0)
    summary = "between waves" if until is None else f"between waves until {until.isoformat()}"
    try:
        await workflow.wait_condition(changed, timeout=seconds, timeout_summary=summary)
    except TimeoutError:
        return


async def postpone_unless_window_open(state: State) -> bool:
    """Whether changes may start now; if not, the task gets the time of its next window."""
    time_before, now = state.at, workflow.now()
    start = await activity_calls.postpone_to_allowed_start(state.task.task_id, now)
    if state.is_stopped:
        return False
    if state.at != time_before:  # rescheduled meanwhile: the newer request wins
        await activity_calls.record_time(state.task.task_id, state.at)
        return False
    if start.at > now:
        state.set_time(start.at)
        state.add_note(f"postponed {start.move_text}")
        return False
    state.window_end = start.until
    if start.overridden:
        state.add_note_once(start.reasons_text)
    return True


async def wait_until_time(state: State) -> None:
    """Waits until the task's time, or until it is stopped."""
    while not state.is_stopped and state.seconds_left > 0:
        await _wait(state, until_rollback=False)


async def wait_for_window(state: State) -> bool:
    """As `wait_until_time`, between changes; a requested rollback runs meanwhile.

    False to continue as new.
    """
    if state.waits_for_window and state.is_history_long:
        return False
    while state.waits_for_window:
        if not state.rollbacks:
            await _wait(state, until_rollback=True)
        elif not await rollback.run_rollback_while_waiting(state, state.rollbacks[0]):
            return False
    return True


async def _wait(state: State, *, until_rollback: bool) -> None:
    time_before = state.at

    def changed() -> bool:
        return (
            state.is_stopped
            or state.at != time_before
            or (until_rollback and bool(state.rollbacks))
        )

    summary = f"waits until {time_before.isoformat()}"
    try:
        await workflow.wait_condition(changed, timeout=state.seconds_left, timeout_summary=summary)
    except TimeoutError:
        return
