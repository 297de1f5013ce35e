"""After a task: former certificates that nobody needs leave the stores, as far as that works."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import steps
from workflows.causes import cause_of
from workflows.state import State


async def clean_up(state: State) -> None:
    """Best effort: a failure is told in the audit. Whoever wants something of the task comes first.

    What is not removed now goes after the next task, or by the command line.
    """
    if not state.tally.deployed or _is_asked(state):
        return
    work = asyncio.create_task(steps.clean_up(state.task.task_id))
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
        await steps.record_event(state.task.task_id, "cleanup", "certroll", text)


def _is_asked(state: State) -> bool:
    return bool(state.rollbacks or state.deleted or state.closed)
