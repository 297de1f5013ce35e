"""The way there: reserve, wait for the time, install, deploy, settle."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import steps
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
    if state.seconds_left <= 0:
        state.note("its time has passed: started at once")
    await _sleep(state)
    if state.stopped:
        state.cancelled = True
        await _give_up(state, Cause(code="Cancelled", message=_why_stopped(state)))
        return False
    state.enter(Phase.DEPLOYING)
    await steps.record_status(state.task.task_id, state.status)
    return True


async def deploy(state: State) -> bool:
    """Installs, then makes all changes; False when the history is long enough for a new one."""
    task_id = state.task.task_id
    if state.cursor < 0:
        await _skip_what_shall_go_back(state)
        wanted = await steps.installations(task_id)
        await asyncio.gather(*(_install(each) for each in wanted))
    fan_out = FanOut(
        task_id,
        Direction.DEPLOY,
        concurrency=state.task.concurrency,
        cursor=state.cursor,
        stop=lambda: state.stopped,
    )
    finished = await fan_out.run()
    state.cursor = fan_out.cursor
    if not finished:
        return False
    if state.stopped:
        state.cancelled = True
        await steps.skip(task_id, Cause(code="Cancelled", message=_why_stopped(state)))
    await _settle(state)
    return True


async def _sleep(state: State) -> None:
    while not state.stopped and (seconds := state.seconds_left) > 0:
        asked = state.at

        def changed(asked: object = asked) -> bool:
            return state.stopped or state.at != asked

        try:
            await workflow.wait_condition(
                changed, timeout=seconds, timeout_summary=f"waits until {asked.isoformat()}"
            )
        except TimeoutError:
            return


async def _give_up(state: State, cause: Cause) -> None:
    """Ends a task that changed nothing."""
    state.note(str(cause))
    await steps.skip(state.task.task_id, cause)
    await _settle(state)


async def _skip_what_shall_go_back(state: State) -> None:
    for request in state.rollbacks:
        if request.resources:
            text = f"{request.requested_by} asked for its rollback before it was begun"
            cause = Cause(code="RolledBackBefore", message=text)
            await steps.skip(state.task.task_id, cause, request.resources)


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
