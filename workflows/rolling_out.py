"""The way there: reserve, wait for the time, install, deploy, settle."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import breaching, cleaning, openings, preflighting, rolling_back, steps, waves
from workflows.causes import cause_of, may_pass
from workflows.state import State
from workflows.telling import tell_contacts

with workflow.unsafe.imports_passed_through():
    from domain import events
    from domain.stages import Stage
    from domain.status import Phase
    from domain.task import Cause, Installation


async def wait(state: State) -> bool:
    """Reserves quota and sleeps until the task's time; False when the task ended here."""
    try:
        await steps.reserve(state.task.task_id, state.task.digest)
    except ActivityError as failure:
        await _give_up(state, cause_of(failure))
        return False
    asked, late = state.at, state.seconds_left <= 0
    await openings.sleep(state)
    while not state.stopped and not await openings.may_begin(state):
        await openings.sleep(state)
    if state.stopped:
        state.cancelled = True
        await _give_up(state, breaching.why_stopped(state))
        return False
    if late and state.at == asked:
        state.note("its time has passed: started at once")
    state.enter(Phase.DEPLOYING)
    await steps.record_status(state.task.task_id, state.status)
    return True


async def deploy(state: State) -> bool:
    """Installs, then makes all changes; False when the history is long enough for a new one."""
    begins = (state.wave, state.stage, state.cursor) == (0, Stage.CHANGES, -1)
    if begins and not (await _opened(state) and await _install_all(state)):
        return False
    if not await waves.run(state):
        return False
    if state.taken_back_whole:
        state.cancelled = True
    if state.stopped:
        await breaching.leave_rest(state)
    await _settle(state)
    await cleaning.clean_up(state)
    return True


async def _opened(state: State) -> bool:
    """A retry heeds windows before its first step as well; False as `deploy`."""
    while state.round and state.installed < 0 and not state.stopped:
        if await openings.may_begin(state):
            return True
        if not await openings.pause(state):
            return False
    return True


async def _install_all(state: State) -> bool:
    """Puts each certificate where it is needed, some at a time; False as `deploy`.

    The engine takes 2,000 steps at once of one task, and a history has its limits.
    """
    if state.installed < 0:
        for request in state.rollbacks:
            if request.resources:
                await rolling_back.leave_out(state, request)
    await preflighting.check(state)
    while wanted := await steps.installations(state.task.task_id, state.installed):
        if workflow.info().is_continue_as_new_suggested():
            return False
        if state.stopped:
            return True
        await asyncio.gather(*(_install(state, each) for each in wanted))
        state.installed = wanted[-1].ordinal
    return True


async def _give_up(state: State, cause: Cause) -> None:
    """Ends a task that changed nothing."""
    state.note(str(cause))
    await steps.skip(state.task.task_id, cause)
    await _settle(state)


async def _install(state: State, wanted: Installation) -> None:
    """What is refused for good fails at once; a store that is down is left to the changes."""
    try:
        await steps.install(wanted)
    except ActivityError as failure:
        cause = cause_of(failure)
        if may_pass(failure):
            state.note(f"{wanted.label}: not yet, {cause}")
        else:
            await steps.fail_installation(wanted, cause)


async def _settle(state: State) -> None:
    """Balances the quota, records the status, tells the contacts."""
    task = state.task
    state.tally = await steps.settle(task.task_id)
    state.enter(Phase.SETTLED)
    await steps.record_status(task.task_id, state.status)
    await tell_contacts(task.task_id, events.finished(state.round), task.contacts)
