"""What people are told while a task runs: the Web UI's details, and the contacts."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import attributes, steps

with workflow.unsafe.imports_passed_through():
    from domain.status import Phase, Tally
    from domain.task import Progress


def show(progress: Progress) -> None:
    """Writes the task's state where the Temporal Web UI shows it without opening a payload."""
    known = workflow.info().typed_search_attributes
    same_status = known.get(attributes.STATUS) == progress.status.value
    if not (same_status and known.get(attributes.SCHEDULED_AT) == progress.at):
        workflow.upsert_search_attributes(
            [
                attributes.STATUS.value_set(progress.status.value),
                attributes.SCHEDULED_AT.value_set(progress.at),
            ]
        )
    workflow.set_current_details(details(progress))


def details(progress: Progress) -> str:
    """Markdown: the status, the counters, what can be done next, the latest notes."""
    lines = [
        f"**{progress.name}** is **{progress.status.value}**",
        f"time: {progress.at.isoformat()}",
        f"outcomes: {counted(progress.tally)}",
        _next_step(progress.phase),
    ]
    lines += [f"- {note}" for note in progress.notes]
    return "\n\n".join(lines)


def counted(tally: Tally) -> str:
    """The counters that are not zero, in words."""
    shown = [f"{count} {name.replace('_', ' ')}" for name, count in tally if count]
    return ", ".join(shown) or "none yet"


def _next_step(phase: Phase) -> str:
    match phase:
        case Phase.WAITING:
            return "waits for its time; signal `cancel` or update `reschedule` still work"
        case Phase.DEPLOYING:
            return "deploys; signal `cancel` stops what was not begun"
        case Phase.ROLLING_BACK:
            return "takes back"
        case _:
            return "open for the signal `rollback`"


async def tell_contacts(task_id: str, event: str, contacts: tuple[str, ...]) -> None:
    """Tells each contact once; a channel that stays silent is recorded and fails nothing."""
    await asyncio.gather(*(_tell(task_id, event, contact) for contact in contacts))


async def _tell(task_id: str, event: str, contact: str) -> None:
    try:
        await steps.notify(task_id, event, contact)
    except ActivityError:
        await steps.give_up_notice(task_id, event, contact)
