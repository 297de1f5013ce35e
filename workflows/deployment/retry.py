"""Retries failed changes of a task that has ended its waves. Called by workflow.py.

Quota is reserved for them again.
"""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.deployment import activity_calls, rollback, rollout
from workflows.deployment.state import State
from workflows.failures import build_cause

with workflow.unsafe.imports_passed_through():
    from domain.tasks.audit import CERTROLL, TaskEventCode
    from domain.tasks.messages import RetryRequest
    from domain.tasks.status import Phase

NOTHING = "no change failed, was skipped by a stop, or was rolled back by the task itself"


async def run_retry(state: State, request: RetryRequest) -> bool:
    """Runs all waves again for the requested changes; False to continue as new."""
    task_id, round_number = state.task.task_id, state.round + 1
    await rollback.note_unknown_resources(state, "retry", request.resources)
    try:
        reopened = await activity_calls.reopen(task_id, round_number, request.resources)
    except ActivityError as failure:
        await _refuse(state, request, str(build_cause(failure)))
        return True
    if not reopened.changes:
        await _refuse(state, request, NOTHING)
        return True
    many = "1 change" if reopened.changes == 1 else f"{reopened.changes} changes"
    text = f"{request.reason} ({many}, {reopened.cost} of quota)"
    state.add_note(f"retry by {request.requested_by}: {text}")
    await activity_calls.record_event(task_id, TaskEventCode.RETRY, request.requested_by, text)
    state.retries.pop(0)  # not earlier: a client that waits must see the retry pending or running
    state.begin_round()
    state.begin_phase(Phase.DEPLOYING)
    await activity_calls.record_status(task_id, state.status)
    return await rollout.deploy(state)


async def _refuse(state: State, request: RetryRequest, why: str) -> None:
    """Drops the request; the audit log and the task's page say why."""
    text = f"{why} (requested by {request.requested_by}: {request.reason})"
    state.add_note(f"retry refused: {text}")
    await activity_calls.record_event(
        state.task.task_id, TaskEventCode.RETRY_REFUSED, CERTROLL, text
    )
    state.retries.pop(0)
