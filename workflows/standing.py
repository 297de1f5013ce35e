"""How a task stands, for whoever asks: what it waits for, until when, and what can be done now."""

from datetime import datetime
from typing import TYPE_CHECKING

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.calendar import shown_moment
    from domain.stages import Stage
    from domain.status import Phase
    from domain.task import Progress

if TYPE_CHECKING:
    from workflows.state import State

STUCK_TOLD = 5


def progress(state: "State") -> Progress:
    """The answer of the query `progress`."""
    waits_for, until = waiting(state)
    stuck = sorted(state.stuck.items())
    return Progress(
        task_id=state.task.task_id,
        name=state.task.name,
        status=state.status,
        phase=state.phase,
        at=state.at,
        tally=state.tally,
        pending_rollbacks=len(state.rollbacks),
        pending_retries=len(state.retries),
        notes=tuple(state.notes),
        wave=state.wave + 1,
        waves=state.task.waves,
        stage=state.stage,
        waits_for=waits_for,
        until=until,
        can=possible(state),
        stuck=tuple(each for _, each in stuck[:STUCK_TOLD]),
        stuck_total=len(stuck),
    )


def waiting(state: "State") -> tuple[str | None, datetime | None]:
    """What is waited for, and when that ends by itself."""
    if state.phase is Phase.WAITING:
        return "its time", state.at
    if state.phase is Phase.SETTLED:
        return "signals, until its rollback window ends", state.rollback_until
    if state.phase is not Phase.DEPLOYING or state.stopped:
        return None, None
    if state.stage is Stage.BAKE:
        return f"the end of the bake time after {state.wave_name}", state.bake_until
    if state.asks:
        return f"the word to go on after {state.wave_name}", None
    if state.stage is Stage.CHANGES and state.pauses:
        return f"the time to go on with {state.wave_name}", state.at
    if state.stuck:
        return "changes that are tried again", min(each.next_at for each in state.stuck.values())
    return None, None


def possible(state: "State") -> tuple[str, ...]:
    """The signals and updates that make sense now."""
    match state.phase:
        case Phase.WAITING:
            return ("cancel", "reschedule", "delete", "rollback")
        case Phase.DEPLOYING if state.stopped:
            return ("rollback", "delete")
        case Phase.DEPLOYING:
            asks = ("proceed",) if state.asks else ()
            moves = ("reschedule",) if state.waits else ()
            return (*asks, "stop", *moves, "cancel", "rollback", "delete")
        case Phase.SETTLED if not state.closed:
            return ("rollback", "retry", "delete")
        case _:
            return ()


def refuse_proceed(state: "State") -> str:
    """Why `proceed` makes no sense now."""
    if state.phase is Phase.DEPLOYING and state.stage is Stage.BAKE and state.bake_until:
        until = shown_moment(state.bake_until)
        return f"the task does not wait for a word yet: it bakes {state.wave_name} until {until}"
    if state.phase is Phase.DEPLOYING and not state.stopped:
        return f"the task does not wait for a word: it is at {state.wave_name}"
    return f"the task does not wait for a word, it is {state.status.value.replace('_', ' ')}"


def refuse_stop(state: "State") -> str:
    """Why `stop` makes no sense now."""
    if state.phase is Phase.WAITING:
        return "the task has not begun: cancel it"
    if state.phase is Phase.DEPLOYING:
        return "the task begins nothing more already"
    return f"nothing of the task waits, it is {state.status.value.replace('_', ' ')}"
