"""The way there: reserve, wait for the time, install, deploy, settle."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls, rollback, stopping, waits, waves
from workflows.deployment.reporting import tell_contacts
from workflows.deployment.state import State
from workflows.failures import cause_of, may_pass

with workflow.unsafe.imports_passed_through():
    from activities.preflight import WARNED, Preflighted

with workflow.unsafe.imports_passed_through():
    from domain.cause import Cause
    from domain.notifications import events
    from domain.rollout.stage import Stage
    from domain.tasks.messages import Installation
    from domain.tasks.status import Phase


async def check(state: State) -> None:
    """Fails what a check refuses; nothing of it is touched then. Only before anything is installed.

    Where the looking itself fails for long, the task goes on and its audit says so: what is served
    may be about to expire, and each change looks at its own resource anyway.
    """
    if state.installed >= 0 or state.stopped:
        return
    try:
        found = await activity_calls.preflight(state.task.task_id)
    except ActivityError as failure:
        text = f"not all checks could be made: {cause_of(failure)}"
        state.note(text)
        await activity_calls.record_event(state.task.task_id, WARNED, "certroll", text)
    else:
        _note(state, found)


def _note(state: State, found: Preflighted) -> None:
    if found.failed:
        what = "1 change" if found.failed == 1 else f"{found.failed} changes"
        state.note(f"preflight refused {what}: {'; '.join(found.refusals)}")
    if found.warnings:
        state.note(f"preflight warned of {found.warnings} findings: see the task's audit")


async def clean_up(state: State) -> None:
    """Best effort: a failure is told in the audit. Whoever wants something of the task comes first.

    What is not removed now goes after the next task, or by the command line.
    """
    if not state.tally.deployed or _is_asked(state):
        return
    work = asyncio.create_task(activity_calls.clean_up(state.task.task_id))
    await workflow.wait_condition(lambda: work.done() or _is_asked(state))
    if not work.done():
        work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        return
    except ActivityError as failure:
        if _is_asked(state):
            return
        text = f"ended early: {cause_of(failure)}"
        await activity_calls.record_event(state.task.task_id, "cleanup", "certroll", text)


def _is_asked(state: State) -> bool:
    return bool(state.rollbacks or state.deleted or state.closed)


async def wait(state: State) -> bool:
    """Reserves quota and sleeps until the task's time; False when the task ended here."""
    try:
        await activity_calls.reserve(state.task.task_id, state.task.digest)
    except ActivityError as failure:
        await _give_up(state, cause_of(failure))
        return False
    asked, late = state.at, state.seconds_left <= 0
    await waits.sleep(state)
    while not state.stopped and not await waits.may_begin(state):
        await waits.sleep(state)
    if state.stopped:
        state.cancelled = True
        await _give_up(state, stopping.why_stopped(state))
        return False
    if late and state.at == asked:
        state.note("its time has passed: started at once")
    state.enter(Phase.DEPLOYING)
    await activity_calls.record_status(state.task.task_id, state.status)
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
        await stopping.leave_rest(state)
    await _settle(state)
    await clean_up(state)
    return True


async def _opened(state: State) -> bool:
    """A retry heeds windows before its first step as well; False as `deploy`."""
    while state.round and state.installed < 0 and not state.stopped:
        if await waits.may_begin(state):
            return True
        if not await waits.pause(state):
            return False
    return True


async def _install_all(state: State) -> bool:
    """Puts each certificate where it is needed, some at a time; False as `deploy`.

    The engine takes 2,000 steps at once of one task, and a history has its limits.
    """
    if state.installed < 0:
        for request in state.rollbacks:
            if request.resources:
                await rollback.leave_out(state, request)
    await check(state)
    while wanted := await activity_calls.installations(state.task.task_id, state.installed):
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
    await activity_calls.skip(state.task.task_id, cause)
    await _settle(state)


async def _install(state: State, wanted: Installation) -> None:
    """What is refused for good fails at once; a store that is down is left to the changes."""
    try:
        await activity_calls.install(wanted)
    except ActivityError as failure:
        cause = cause_of(failure)
        if may_pass(failure):
            state.note(f"{wanted.label}: not yet, {cause}")
        else:
            await activity_calls.fail_installation(wanted, cause)


async def _settle(state: State) -> None:
    """Balances the quota, records the status, tells the contacts."""
    task = state.task
    state.tally = await activity_calls.settle(task.task_id)
    state.enter(Phase.SETTLED)
    await activity_calls.record_status(task.task_id, state.status)
    await tell_contacts(task.task_id, events.finished(state.round), task.contacts)
