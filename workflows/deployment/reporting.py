"""Reports a running task: details in the Temporal Web UI, notifications to contacts.

Called by state.py and by the modules that end a wave, a rollback or a task.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows import search_attributes
from workflows.deployment import activity_calls

with workflow.unsafe.imports_passed_through():
    from domain.tasks.messages import Progress
    from domain.tasks.status import Phase, Tally


def update_details(progress: Progress) -> None:
    """Writes the task's progress where the Web UI shows it without decoding a payload."""
    known = workflow.info().typed_search_attributes
    same_status = known.get(search_attributes.STATUS) == progress.status.value
    if not (same_status and known.get(search_attributes.SCHEDULED_AT) == progress.at):
        workflow.upsert_search_attributes(
            [
                search_attributes.STATUS.value_set(progress.status.value),
                search_attributes.SCHEDULED_AT.value_set(progress.at),
            ]
        )
    workflow.set_current_details(format_details(progress))


def format_details(progress: Progress) -> str:
    """Markdown: the status, the counters, the possible requests, the latest notes."""
    lines = [
        f"**{progress.name}** is **{progress.status.value}**",
        f"time: {progress.at.isoformat()}",
        f"outcomes: {format_tally(progress.tally)}",
        *_format_wave(progress),
        _format_present(progress),
        *_format_retrying(progress),
        _format_possible(progress),
    ]
    lines += [f"- {note}" for note in progress.notes]
    return "\n\n".join(lines)


def format_tally(tally: Tally) -> str:
    """The counters that are not zero: "2 deployed, 1 failed"."""
    shown = [f"{count} {name.replace('_', ' ')}" for name, count in tally if count]
    return ", ".join(shown) or "none yet"


def _format_wave(progress: Progress) -> list[str]:
    is_shown = progress.phase is Phase.DEPLOYING and progress.waves > 1
    stage = progress.stage.value.replace("_", " ")
    return [f"wave {progress.wave} of {progress.waves}: {stage}"] if is_shown else []


def _format_present(progress: Progress) -> str:

    if progress.waits_for is None:
        return "rolls back" if progress.phase is Phase.ROLLING_BACK else "deploys"
    until = f", until {progress.until.isoformat()}" if progress.until else ""
    return f"waits for {progress.waits_for}{until}"


def _format_retrying(progress: Progress) -> list[str]:

    lines = [
        f"- retries {each.resource} at {each.next_at.isoformat(timespec='seconds')}, at most "
        f"until {each.until.isoformat(timespec='seconds')}: {each.cause}"
        for each in progress.stuck
    ]
    if more := progress.stuck_total - len(progress.stuck):
        lines.append(f"- and {more} more")
    return lines


def _format_possible(progress: Progress) -> str:
    updates = ("proceed", "stop", "reschedule")
    requests = [f"{'update' if each in updates else 'signal'} `{each}`" for each in progress.can]
    return f"possible now: {', '.join(requests) or 'nothing'}"


async def notify_contacts(task_id: str, event: str, contacts: tuple[str, ...]) -> None:
    """Notifies each contact once. A failed delivery is recorded and fails nothing else.

    `event` is a name built by `domain.notifications.events`. The message is read from storage:
    write statuses and audit events first. A contact that takes only `needs_operator` also gets
    `finished` if somebody has to act.
    """
    await asyncio.gather(*(_notify(task_id, event, contact) for contact in contacts))


async def _notify(task_id: str, event: str, contact: str) -> None:
    try:
        await activity_calls.notify(task_id, event, contact)
    except ActivityError:
        await activity_calls.record_failed_notice(task_id, event, contact)
