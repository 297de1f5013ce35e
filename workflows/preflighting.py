"""Before a task's first change: everything that it needs is looked at once more."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import steps
from workflows.causes import cause_of
from workflows.state import State

with workflow.unsafe.imports_passed_through():
    from activities.preflighting import WARNED, Preflighted


async def check(state: State) -> None:
    """Fails what a check refuses; nothing of it is touched then. Only before anything is installed.

    Where the looking itself fails for long, the task goes on and its audit says so: what is served
    may be about to expire, and each change looks at its own resource anyway.
    """
    if state.installed >= 0 or state.stopped:
        return
    try:
        found = await steps.preflight(state.task.task_id)
    except ActivityError as failure:
        text = f"not all checks could be made: {cause_of(failure)}"
        state.note(text)
        await steps.record_event(state.task.task_id, WARNED, "certroll", text)
    else:
        _note(state, found)


def _note(state: State, found: Preflighted) -> None:
    if found.failed:
        what = "1 change" if found.failed == 1 else f"{found.failed} changes"
        state.note(f"preflight refused {what}: {'; '.join(found.refusals)}")
    if found.warnings:
        state.note(f"preflight warned of {found.warnings} findings: see the task's audit")
