"""Deploys a task: reserve quota, wait, preflight, install, run the waves, settle.

Called by workflow.py, and by retry.py for another round.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls, rollback, stopping, waits, waves
from workflows.deployment.reporting import notify_contacts
from workflows.deployment.state import State
from workflows.failures import build_cause, is_retryable

with workflow.unsafe.imports_passed_through():
    from domain.cause import Cause
    from domain.notifications import events
    from domain.rollout.stage import Stage
    from domain.tasks.audit import CERTROLL, TaskEventCode
    from domain.tasks.messages import Installation
    from domain.tasks.status import Phase
    from operations.preflight.task_preflight import PreflightSummary


async def run_preflight(state: State) -> None:
    """Runs preflight before anything is installed; changes that a check refuses fail untouched.

    If the checks themselves fail, the task goes on and its audit log says so: the certificates in
    use may be about to expire, and each change reads its own resource anyway.
    """
    if state.installed >= 0 or state.is_stopped:
        return
    try:
        found = await activity_calls.run_preflight(state.task.task_id)
    except ActivityError as failure:
        text = f"preflight could not finish: {build_cause(failure)}"
        state.add_note(text)
        await activity_calls.record_event(
            state.task.task_id, TaskEventCode.PREFLIGHT_WARNED, CERTROLL, text
        )
    else:
        _note_findings(state, found)


def _note_findings(state: State, found: PreflightSummary) -> None:
    if found.failed:
        what = "1 change" if found.failed == 1 else f"{found.failed} changes"
        state.add_note(f"preflight refused {what}: {'; '.join(found.refusals)}")
    if found.warnings:
        state.add_note(f"preflight warned of {found.warnings} findings: see the task's audit log")


async def clean_up(state: State) -> None:
    """Deletes former certificates, best effort: a failure is recorded in the audit log.

    A request for the task interrupts it. The next task, or the command line, deletes the rest.
    """
    if not state.tally.deployed or _has_requests(state):
        return
    work = asyncio.create_task(activity_calls.clean_up(state.task.task_id))
    await workflow.wait_condition(lambda: work.done() or _has_requests(state))
    if not work.done():
        work.cancel()
    try:
        await work
    except asyncio.CancelledError:
        return
    except ActivityError as failure:
        if _has_requests(state):
            return
        text = f"ended early: {build_cause(failure)}"
        await activity_calls.record_event(state.task.task_id, TaskEventCode.CLEANUP, CERTROLL, text)


def _has_requests(state: State) -> bool:
    return bool(state.rollbacks or state.delete_request or state.is_closed)


async def wait_for_start(state: State) -> bool:
    """Reserves quota and waits until the task's time; False if the task ended here."""
    try:
        await activity_calls.reserve_quota(state.task.task_id, state.task.digest)
    except ActivityError as failure:
        await _end_unchanged(state, build_cause(failure))
        return False
    time_before, late = state.at, state.seconds_left <= 0
    await waits.wait_until_time(state)
    while not state.is_stopped and not await waits.postpone_unless_window_open(state):
        await waits.wait_until_time(state)
    if state.is_stopped:
        state.cancelled = True
        await _end_unchanged(state, stopping.build_stop_cause(state))
        return False
    if late and state.at == time_before:
        state.add_note("its time has passed: started at once")
    state.begin_phase(Phase.DEPLOYING)
    await activity_calls.record_status(state.task.task_id, state.status)
    return True


async def deploy(state: State) -> bool:
    """Installs certificates and runs all waves; False to continue as new."""
    begins = (state.wave, state.stage, state.cursor) == (0, Stage.CHANGES, -1)
    if begins and not (await _wait_for_window(state) and await _install_all(state)):
        return False
    if not await waves.run(state):
        return False
    if state.is_whole_rollback_requested:
        state.cancelled = True
    if state.is_stopped:
        await stopping.skip_rest(state)
    await _settle(state)
    await clean_up(state)
    return True


async def _wait_for_window(state: State) -> bool:
    """Makes a retry wait for its window before its first step; False to continue as new."""
    while state.round and state.installed < 0 and not state.is_stopped:
        if await waits.postpone_unless_window_open(state):
            return True
        if not await waits.wait_for_window(state):
            return False
    return True


async def _install_all(state: State) -> bool:
    """Installs each certificate in the stores that need it; False to continue as new.

    It installs by pages: Temporal accepts 2,000 pending activities of one workflow.
    """
    if state.installed < 0:
        for request in state.rollbacks:
            if request.resources:
                await rollback.skip_requested(state, request)
    await run_preflight(state)
    while wanted := await activity_calls.list_installations(state.task.task_id, state.installed):
        if workflow.info().is_continue_as_new_suggested():
            return False
        if state.is_stopped:
            return True
        await asyncio.gather(*(_install(state, each) for each in wanted))
        state.installed = wanted[-1].ordinal
    return True


async def _end_unchanged(state: State, cause: Cause) -> None:
    """Ends a task that has changed nothing."""
    state.add_note(str(cause))
    await activity_calls.skip(state.task.task_id, cause)
    await _settle(state)


async def _install(state: State, wanted: Installation) -> None:
    """Fails the changes of a refused certificate; if a store is down, its changes install later."""
    try:
        await activity_calls.install(wanted)
    except ActivityError as failure:
        cause = build_cause(failure)
        if is_retryable(failure):
            state.add_note(f"{wanted.label}: not yet, {cause}")
        else:
            await activity_calls.fail_installation(wanted, cause)


async def _settle(state: State) -> None:
    """Settles the quota, records the status, notifies the contacts."""
    task = state.task
    state.tally = await activity_calls.settle_quota(task.task_id)
    state.begin_phase(Phase.SETTLED)
    await activity_calls.record_status(task.task_id, state.status)
    await notify_contacts(task.task_id, events.build_finished_event(state.round), task.contacts)
