"""What people are told while a task runs: the Web UI's details, and the contacts."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import search_attributes
from workflows.deployment import activity_calls

with workflow.unsafe.imports_passed_through():
    from domain.tasks.messages import Progress
    from domain.tasks.status import Phase, Tally


def show(progress: Progress) -> None:
    """Writes the task's state where the Temporal Web UI shows it without opening a payload."""
    known = workflow.info().typed_search_attributes
    same_status = known.get(search_attributes.STATUS) == progress.status.value
    if not (same_status and known.get(search_attributes.SCHEDULED_AT) == progress.at):
        workflow.upsert_search_attributes(
            [
                search_attributes.STATUS.value_set(progress.status.value),
                search_attributes.SCHEDULED_AT.value_set(progress.at),
            ]
        )
    workflow.set_current_details(details(progress))


def details(progress: Progress) -> str:
    """Markdown: the status, the counters, what can be done next, the latest notes."""
    lines = [
        f"**{progress.name}** is **{progress.status.value}**",
        f"time: {progress.at.isoformat()}",
        f"outcomes: {counted(progress.tally)}",
        *_wave(progress),
        _now(progress),
        *_stuck(progress),
        _next_step(progress),
    ]
    lines += [f"- {note}" for note in progress.notes]
    return "\n\n".join(lines)


def counted(tally: Tally) -> str:
    """The counters that are not zero, in words."""
    shown = [f"{count} {name.replace('_', ' ')}" for name, count in tally if count]
    return ", ".join(shown) or "none yet"


def _wave(progress: Progress) -> list[str]:
    is_told = progress.phase is Phase.DEPLOYING and progress.waves > 1
    stage = progress.stage.value.replace("_", " ")
    return [f"wave {progress.wave} of {progress.waves}: {stage}"] if is_told else []


def _now(progress: Progress) -> str:
    """What it does or waits for, and until when."""
    if progress.waits_for is None:
        return "takes back" if progress.phase is Phase.ROLLING_BACK else "deploys"
    until = f", until {progress.until.isoformat()}" if progress.until else ""
    return f"waits for {progress.waits_for}{until}"


def _stuck(progress: Progress) -> list[str]:
    """What is tried again: the first few of all."""
    lines = [
        f"- tries {each.resource} again at {each.next_at.isoformat(timespec='seconds')}, at most "
        f"until {each.until.isoformat(timespec='seconds')}: {each.cause}"
        for each in progress.stuck
    ]
    if more := progress.stuck_total - len(progress.stuck):
        lines.append(f"- and {more} more")
    return lines


def _next_step(progress: Progress) -> str:
    updates = ("proceed", "stop", "reschedule")
    told = [f"{'update' if each in updates else 'signal'} `{each}`" for each in progress.can]
    return f"possible now: {', '.join(told) or 'nothing'}"


async def tell_contacts(task_id: str, event: str, contacts: tuple[str, ...]) -> None:
    """Tells each contact once; a channel that stays silent is recorded and fails nothing.

    `event` is a name made by domain.events: `finished()`, `gate(wave)`, `rolled_back(number)`. What
    is told is read from storage, so that statuses and the audit have to be written before. A
    contact that takes `needs_operator` only is told of `finished` too, where somebody has to act.
    """
    await asyncio.gather(*(_tell(task_id, event, contact) for contact in contacts))


async def _tell(task_id: str, event: str, contact: str) -> None:
    try:
        await activity_calls.notify(task_id, event, contact)
    except ActivityError:
        await activity_calls.give_up_notice(task_id, event, contact)
