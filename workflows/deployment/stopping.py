"""Stops a task before all its changes started. Called by rollout.py and waves.py."""

from temporalio import workflow

from workflows.deployment import activity_calls
from workflows.deployment.state import State

with workflow.unsafe.imports_passed_through():
    from domain.cause import Cause
    from domain.rollout.policy import OnBudgetExceeded
    from domain.rollout.stage import BudgetExceeded
    from domain.tasks.audit import CERTROLL, TaskEventCode
    from domain.tasks.retry import CANCELLED, STOPPED, TOO_MANY_FAILURES

CONSEQUENCES = {
    OnBudgetExceeded.STOP: "starts no further change; deployed changes stay",
    OnBudgetExceeded.ROLL_BACK_WAVE: "starts no further change and rolls back this wave",
    OnBudgetExceeded.ROLL_BACK_ALL: "starts no further change and rolls back all deployed changes",
}


async def stop_over_budget(state: State) -> None:
    """Records that more changes failed than allowed; from then on no further change starts."""
    facts = state.wave_facts
    if facts is None or facts.allowed is None or state.budget_exceeded is not None:
        return
    state.budget_exceeded = BudgetExceeded(
        wave=state.wave,
        wave_name=state.wave_name,
        failed=facts.failed,
        total=facts.total,
        allowed=facts.allowed,
    )
    text = f"{state.budget_exceeded}: {CONSEQUENCES[state.task.rollout.on_budget_exceeded]}"
    state.add_note(text)
    await activity_calls.record_event(
        state.task.task_id, TaskEventCode.BUDGET_EXCEEDED, CERTROLL, text
    )


async def skip_rest(state: State) -> None:
    """Skips the changes that have not started, with the reason."""
    await activity_calls.skip(state.task.task_id, build_stop_cause(state))


def build_stop_cause(state: State) -> Cause:
    """Why the remaining changes do not start."""
    for request in state.rollbacks:
        if request.resources is None:
            text = f"{request.requested_by} requested a rollback of the task: {request.reason}"
            return Cause(code=CANCELLED, message=text)
    if state.cancelled:
        return Cause(code=CANCELLED, message=state.cancel_reason or "cancelled")
    if state.stop_request is not None:
        text = f"{state.stop_request.requested_by} stopped the task: {state.stop_request.reason}"
        return Cause(code=STOPPED, message=text)
    return Cause(
        code=TOO_MANY_FAILURES,
        message=str(state.budget_exceeded),
        advice="Look at the causes of the failures, then run `certroll task retry`.",
    )
