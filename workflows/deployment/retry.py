"""Trying once more, in the same task: only what failed, with quota reserved for it again."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls, rollback, rollout
from workflows.deployment.state import State
from workflows.failures import cause_of

with workflow.unsafe.imports_passed_through():
    from domain.tasks.messages import RetryRequest
    from domain.tasks.status import Phase

NOTHING = "nothing of it failed, was skipped by a stop, or was taken back by the task itself"


async def again(state: State, request: RetryRequest) -> bool:
    """All waves once more, of what is named or of all; False when a new history has to begin."""
    task_id, turn = state.task.task_id, state.round + 1
    await rollback.refuse_unknown(state, "retry", request.resources)
    try:
        reopened = await activity_calls.reopen(task_id, turn, request.resources)
    except ActivityError as failure:
        await _refuse(state, request, str(cause_of(failure)))
        return True
    if not reopened.changes:
        await _refuse(state, request, NOTHING)
        return True
    many = "1 change" if reopened.changes == 1 else f"{reopened.changes} changes"
    text = f"{request.reason} ({many}, {reopened.cost} of quota)"
    state.note(f"retry by {request.requested_by}: {text}")
    await activity_calls.record_event(task_id, "retry", request.requested_by, text)
    state.retries.pop(0)  # not earlier: whoever waits for its end must see it wait or run
    state.begin_round()
    state.enter(Phase.DEPLOYING)
    await activity_calls.record_status(task_id, state.status)
    return await rollout.deploy(state)


async def _refuse(state: State, request: RetryRequest, why: str) -> None:
    """Visibly: whoever asked looks at the audit or at the task's page."""
    text = f"{why} (asked by {request.requested_by}: {request.reason})"
    state.note(f"retry refused: {text}")
    await activity_calls.record_event(state.task.task_id, "retry refused", "certroll", text)
    state.retries.pop(0)
