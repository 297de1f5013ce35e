"""A task's waves: the changes of one, a pause, a second look, a person's word; then the next.

Each stage does its part and turns to the following one; False means that a new history has to
begin, which goes on with the same stage.
"""

from collections.abc import Awaitable, Callable

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls, rollback, stopping, waits
from workflows.deployment.fan_out import FanOut
from workflows.deployment.reporting import tell_contacts
from workflows.deployment.state import State
from workflows.failures import cause_of

with workflow.unsafe.imports_passed_through():
    from datetime import timedelta

    from domain.notifications import events
    from domain.rollout.stage import Stage
    from domain.tasks.messages import Direction


async def run(state: State) -> bool:
    """All waves one after the other, until it is done or stopped."""
    while state.stage is not Stage.DONE:
        if not await _STAGES[state.stage](state):
            return False
    return True


async def _changes(state: State) -> bool:
    """All changes of the wave, in as many openings as it takes."""
    done = False
    while not done and not state.stopped:
        if not await waits.pause(state):
            return False
        await _look_at_budget(state)
        if state.over_budget:
            break
        state.closes = None
        fan_out = FanOut(
            state,
            activity_calls.wanted(
                state.task.task_id, Direction.DEPLOY, state.cursor, wave=state.wave
            ),
            stop=lambda: state.held,
            may_begin=lambda: waits.may_begin(state),
        )
        finished = await fan_out.run()
        state.cursor, done = fan_out.cursor, fan_out.done
        if not finished:
            return False
    await _end_changes(state)
    return True


async def _end_changes(state: State) -> None:
    """What was not begun is left, if nothing more shall be; then what failed is seen to."""
    await _look_at_budget(state)
    if state.over_budget:
        await stopping.stop(state)
    if state.stopped:
        await stopping.leave_rest(state)
    state.turn_to(Stage.FAILED_BACK)


async def _look_at_budget(state: State) -> None:
    rollout = state.task.rollout
    if state.task.waves == 1 and not rollout.has_canary and rollout.budget is None:
        return  # nothing depends on it
    facts = await activity_calls.wave_facts(state.task.task_id, state.round, state.wave)
    state.facts, state.failures = facts, 0


async def _failed_back(state: State) -> bool:
    """After the changes: takes back what failed, then sees whether and how it goes on."""
    if not await rollback.what_failed(state):
        return False
    if state.breach is not None:
        state.turn_to(Stage.BREACH)
    elif state.stopped or state.is_last_wave:
        state.turn_to(Stage.DONE)
    elif state.facts is not None and state.facts.changes == 0:
        state.begin_wave(state.wave + 1)
    else:
        state.bake_until = workflow.now() + timedelta(seconds=state.task.rollout.bake_seconds)
        state.turn_to(Stage.BAKE)
    return True


async def _bake(state: State) -> bool:
    if not await waits.rest(state, lambda: False, until=state.bake_until):
        return False
    state.turn_to(Stage.DONE if state.stopped else Stage.LOOK)
    return True


async def _look(state: State) -> bool:
    """What was deployed has to be there still."""
    try:
        found = await activity_calls.look_again(state.task.task_id, state.wave)
    except ActivityError as failure:
        text = f"could not be made after {state.wave_name}: {cause_of(failure)}"
        await activity_calls.record_event(state.task.task_id, "second look", "certroll", text)
    else:
        if found.failed:
            state.note(f"second look at {state.wave_name}: {found.failed} are gone")
    await _look_at_budget(state)
    if state.over_budget and not state.stopped:
        await stopping.stop(state)
        await stopping.leave_rest(state)
    state.turn_to(Stage.FAILED_BACK_AGAIN)
    return True


async def _failed_back_again(state: State) -> bool:
    if not await rollback.what_failed(state):
        return False
    if state.breach is not None:
        state.turn_to(Stage.BREACH)
    elif state.stopped:
        state.turn_to(Stage.DONE)
    elif state.task.rollout.gate:
        await _ask(state)
    else:
        state.begin_wave(state.wave + 1)
    return True


async def _ask(state: State) -> None:
    """Tells that a person's word is waited for, before it is: what is told is read from storage."""
    task_id = state.task.task_id
    state.turn_to(Stage.GATE)
    text = f"{state.wave_name} is done: waits for `certroll task proceed {task_id}`, or `stop`"
    state.note(text)
    await activity_calls.record_event(task_id, "gate", "certroll", text)
    state.tally = await activity_calls.tally(task_id)
    await tell_contacts(task_id, events.gate(state.wave, state.round), state.task.contacts)


async def _gate(state: State) -> bool:
    if not await waits.rest(state, lambda: state.proceeds, until=None):
        return False
    if state.stopped:
        state.turn_to(Stage.DONE)
    else:
        state.begin_wave(state.wave + 1)
    return True


async def _breach(state: State) -> bool:
    """Takes back what the policy says, and leaves the rest."""
    if not await rollback.what_breached(state):
        return False
    state.turn_to(Stage.DONE)  # `finished` is told right after it, and tells of the breach
    return True


_STAGES: dict[Stage, Callable[[State], Awaitable[bool]]] = {
    Stage.CHANGES: _changes,
    Stage.FAILED_BACK: _failed_back,
    Stage.BAKE: _bake,
    Stage.LOOK: _look,
    Stage.FAILED_BACK_AGAIN: _failed_back_again,
    Stage.GATE: _gate,
    Stage.BREACH: _breach,
}
