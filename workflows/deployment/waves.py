"""Runs the waves of a task. Called by rollout.py.

A wave passes these stages: changes, rollback of failed changes, bake time, verification again,
rollback of what failed then, gate. Each stage function does its part and begins the next stage.
It returns False to continue as new, in the same stage.
"""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls, rollback, stopping, waits
from workflows.deployment.fan_out import FanOut
from workflows.deployment.reporting import notify_contacts
from workflows.deployment.state import State
from workflows.failures import build_cause

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    from domain.notifications import events
    from domain.rollout.stage import Stage
    from domain.tasks.audit import CERTROLL, TaskEventCode
    from domain.tasks.messages import Direction


async def run(state: State) -> bool:
    """Runs all waves one after the other; False to continue as new."""
    while state.stage is not Stage.DONE:
        if not await _STAGES[state.stage](state):
            return False
    return True


async def _run_changes(state: State) -> bool:
    """Makes all changes of the wave, in as many maintenance windows as it takes."""
    done = False
    while not done and not state.is_stopped:
        if not await waits.wait_for_window(state):
            return False
        await _refresh_wave_facts(state)
        if state.is_over_budget:
            break
        state.window_end = None
        fan_out = FanOut(
            state,
            activity_calls.build_order_page(
                state.task.task_id, Direction.DEPLOY, state.cursor, wave=state.wave
            ),
            stop=lambda: state.is_paused_or_stopped,
            may_begin=lambda: waits.postpone_unless_window_open(state),
        )
        finished = await fan_out.run()
        state.cursor, done = fan_out.cursor, fan_out.is_done
        if not finished:
            return False
    await _end_changes(state)
    return True


async def _end_changes(state: State) -> None:
    """Skips the rest if the task is stopped or over budget, then begins the next stage."""
    await _refresh_wave_facts(state)
    if state.is_over_budget:
        await stopping.stop_over_budget(state)
    if state.is_stopped:
        await stopping.skip_rest(state)
    state.begin_stage(Stage.ROLL_BACK_FAILED)


async def _refresh_wave_facts(state: State) -> None:
    rollout = state.task.rollout
    if state.task.waves == 1 and not rollout.has_canary and rollout.budget is None:
        return  # there is no budget to check
    facts = await activity_calls.get_wave_facts(state.task.task_id, state.round, state.wave)
    state.wave_facts, state.failures = facts, 0


async def _roll_back_failed(state: State) -> bool:
    """Rolls back failed changes, then bakes, begins the next wave, or ends."""
    if not await rollback.roll_back_failed(state):
        return False
    if state.budget_exceeded is not None:
        state.begin_stage(Stage.BUDGET_EXCEEDED)
    elif state.is_stopped or state.is_last_wave:
        state.begin_stage(Stage.DONE)
    elif state.wave_facts is not None and state.wave_facts.changes == 0:
        state.begin_wave(state.wave + 1)
    else:
        state.bake_until = workflow.now() + timedelta(seconds=state.task.rollout.bake_seconds)
        state.begin_stage(Stage.BAKE)
    return True


async def _bake(state: State) -> bool:
    if not await waits.wait_between_waves(state, lambda: False, until=state.bake_until):
        return False
    state.begin_stage(Stage.DONE if state.is_stopped else Stage.REVERIFY)
    return True


async def _reverify(state: State) -> bool:
    """Verifies again that deployed changes are still served."""
    try:
        found = await activity_calls.reverify(state.task.task_id, state.wave)
    except ActivityError as failure:
        text = f"not verified again after {state.wave_name}: {build_cause(failure)}"
        await activity_calls.record_event(
            state.task.task_id, TaskEventCode.REVERIFICATION_FAILED, CERTROLL, text
        )
    else:
        if found.failed:
            state.add_note(f"verified {state.wave_name} again: {found.failed} no longer served")
    await _refresh_wave_facts(state)
    if state.is_over_budget and not state.is_stopped:
        await stopping.stop_over_budget(state)
        await stopping.skip_rest(state)
    state.begin_stage(Stage.ROLL_BACK_FAILED_AGAIN)
    return True


async def _roll_back_failed_again(state: State) -> bool:
    if not await rollback.roll_back_failed(state):
        return False
    if state.budget_exceeded is not None:
        state.begin_stage(Stage.BUDGET_EXCEEDED)
    elif state.is_stopped:
        state.begin_stage(Stage.DONE)
    elif state.task.rollout.gate:
        await _open_gate(state)
    else:
        state.begin_wave(state.wave + 1)
    return True


async def _open_gate(state: State) -> None:
    """Records the gate before it notifies: the notification is read from storage."""
    task_id = state.task.task_id
    state.begin_stage(Stage.GATE)
    text = f"{state.wave_name} is done: run `certroll task proceed {task_id}`, or `stop`"
    state.add_note(text)
    await activity_calls.record_event(task_id, TaskEventCode.GATE_REACHED, CERTROLL, text)
    state.tally = await activity_calls.count_outcomes(task_id)
    await notify_contacts(
        task_id, events.build_gate_event(state.wave, state.round), state.task.contacts
    )


async def _wait_at_gate(state: State) -> bool:
    if not await waits.wait_between_waves(state, lambda: state.may_proceed, until=None):
        return False
    if state.is_stopped:
        state.begin_stage(Stage.DONE)
    else:
        state.begin_wave(state.wave + 1)
    return True


async def _roll_back_over_budget(state: State) -> bool:
    """Rolls back what the policy says; the rest is skipped already."""
    if not await rollback.roll_back_over_budget(state):
        return False
    state.begin_stage(Stage.DONE)  # the notification `finished` follows and names the budget
    return True


_STAGES: dict[Stage, Callable[[State], Awaitable[bool]]] = {
    Stage.CHANGES: _run_changes,
    Stage.ROLL_BACK_FAILED: _roll_back_failed,
    Stage.BAKE: _bake,
    Stage.REVERIFY: _reverify,
    Stage.ROLL_BACK_FAILED_AGAIN: _roll_back_failed_again,
    Stage.GATE: _wait_at_gate,
    Stage.BUDGET_EXCEEDED: _roll_back_over_budget,
}
