"""A task begins nothing more: too much has failed, or somebody stopped it or called it off."""

from temporalio import workflow

from workflows.deployment import activity_calls
from workflows.deployment.state import State

with workflow.unsafe.imports_passed_through():
    from domain.cause import Cause
    from domain.rollout.policy import OnBreach
    from domain.rollout.stage import Breach
    from domain.tasks.retry import CANCELLED, STOPPED, TOO_MANY_FAILURES

WHAT_THEN = {
    OnBreach.STOP: "begins nothing more, and what is deployed stays",
    OnBreach.ROLL_BACK_WAVE: "begins nothing more, and takes this wave back",
    OnBreach.ROLL_BACK_ALL: "begins nothing more, and takes back all that it has deployed",
}


async def stop(state: State) -> None:
    """More has failed than is borne: says so in the audit, and lets nothing more begin."""
    facts = state.facts
    if facts is None or facts.borne is None or state.breach is not None:
        return
    state.breach = Breach(
        wave=state.wave,
        where=state.wave_name,
        failed=facts.failed,
        total=facts.total,
        borne=facts.borne,
    )
    text = f"{state.breach}: {WHAT_THEN[state.task.rollout.on_breach]}"
    state.note(text)
    await activity_calls.record_event(state.task.task_id, "breach", "certroll", text)


async def leave_rest(state: State) -> None:
    """What was not begun is skipped, with the reason."""
    await activity_calls.skip(state.task.task_id, why_stopped(state))


def why_stopped(state: State) -> Cause:
    """Why the rest of the task is not begun."""
    for request in state.rollbacks:
        if request.resources is None:
            text = f"{request.requested_by} asked to roll the task back: {request.reason}"
            return Cause(code=CANCELLED, message=text)
    if state.cancelled:
        return Cause(code=CANCELLED, message=state.why_cancelled or "cancelled")
    if state.halt is not None:
        text = f"{state.halt.requested_by} stopped the task: {state.halt.reason}"
        return Cause(code=STOPPED, message=text)
    return Cause(
        code=TOO_MANY_FAILURES,
        message=str(state.breach),
        advice="Look at the causes of what failed, then `certroll task retry`.",
    )
