"""The way there: reserve, wait for the time, install, deploy, settle."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import cleaning, openings, rolling_back, steps
from workflows.causes import cause_of
from workflows.fan_out import FanOut
from workflows.state import State
from workflows.telling import tell_contacts

with workflow.unsafe.imports_passed_through():
    from domain.status import Phase
    from domain.task import Cause, Direction, Installation


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
        await _give_up(state, Cause(code="Cancelled", message=_why_stopped(state)))
        return False
    if late and state.at == asked:
        state.note("its time has passed: started at once")
    state.enter(Phase.DEPLOYING)
    await steps.record_status(state.task.task_id, state.status)
    return True


async def deploy(state: State) -> bool:
    """Installs, then makes all changes; False when the history is long enough for a new one."""
    task_id = state.task.task_id
    if state.cursor < 0 and not await _install_all(state):
        return False
    if not await _make_changes(state):
        return False
    if state.stopped:
        state.cancelled = True
        await steps.skip(task_id, Cause(code="Cancelled", message=_why_stopped(state)))
    await _settle(state)
    await cleaning.clean_up(state)
    return True


async def _install_all(state: State) -> bool:
    """Puts each certificate where it is needed, some at a time; False as `deploy`.

    The engine takes 2,000 steps at once of one task, and a history has its limits.
    """
    if state.installed < 0:
        for request in state.rollbacks:
            if request.resources:
                await rolling_back.leave_out(state, request)
    while wanted := await steps.installations(state.task.task_id, state.installed):
        if workflow.info().is_continue_as_new_suggested():
            return False
        await asyncio.gather(*(_install(each) for each in wanted))
        state.installed = wanted[-1].ordinal
    return True


async def _make_changes(state: State) -> bool:
    """Until all is done or it is stopped, in as many openings as it takes; False as `deploy`."""
    done = False
    while not done and not state.stopped:
        if not await openings.pause(state):
            return False
        state.closes = None
        fan_out = FanOut(
            state.task.task_id,
            Direction.DEPLOY,
            concurrency=state.task.concurrency,
            cursor=state.cursor,
            stop=lambda: state.held,
            may_begin=lambda: openings.may_begin(state),
        )
        finished = await fan_out.run()
        state.cursor, done = fan_out.cursor, fan_out.done
        if not finished:
            return False
    return True


async def _give_up(state: State, cause: Cause) -> None:
    """Ends a task that changed nothing."""
    state.note(str(cause))
    await steps.skip(state.task.task_id, cause)
    await _settle(state)


async def _install(wanted: Installation) -> None:
    try:
        await steps.install(wanted)
    except ActivityError as failure:
        await steps.fail_installation(wanted, cause_of(failure))


async def _settle(state: State) -> None:
    """Balances the quota, records the status, tells the contacts."""
    task = state.task
    state.tally = await steps.settle(task.task_id)
    state.enter(Phase.SETTLED)
    await steps.record_status(task.task_id, state.status)
    await tell_contacts(task.task_id, "ended", task.contacts)


def _why_stopped(state: State) -> str:
    for request in state.rollbacks:
        if request.resources is None:
            return f"{request.requested_by} asked to roll the task back: {request.reason}"
    return state.notes[-1] if state.notes else "cancelled"
