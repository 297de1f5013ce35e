"""Waits for a task and shows its progress: a live bar, lines in a log, or JSON lines."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from starter.cli.terminal.output import humanize, note, show_progress

if TYPE_CHECKING:
    from domain.tasks.messages import Progress
    from domain.tasks.record import TaskRecord
    from domain.tasks.status import Tally
    from starter.temporal.client import Client
    from storage.store import Store

OnChange = Callable[["TaskRecord"], None]
POLL_SECONDS = 0.3


async def wait_until_ended(
    store: "Store", record: "TaskRecord", on_change: OnChange | None
) -> "TaskRecord":
    """Waits until the task has ended, and returns it. Ctrl-C ends only the waiting.

    With `on_change`, that is called with each new state, and nothing is printed.
    """
    from starter.requests.tasks import watch

    last, show = record, _build_status_printer(record)
    try:
        with show_progress(record.name, quiet=on_change is not None) as meter:
            async for last in watch(store, record.id):
                (on_change or show)(last)
                meter(_count_done(last.tally), last.tally.total, _format_counts(last))
    except asyncio.CancelledError:
        note(f"The task continues. Watch it again: certroll task watch {record.id}")
        raise
    return last


async def wait_until_idle(store: "Store", client: "Client", record: "TaskRecord") -> "TaskRecord":
    """Waits until no rollback or retry of the task is pending or running, and returns it."""
    from starter.requests.tasks import progress

    show = _build_status_printer(record)
    while True:
        state = await progress(client, record)
        closed = state is None or await _is_closed(client, record)
        record = await asyncio.to_thread(store.tasks.get, record.id)
        show(record)
        if closed or (state is not None and _is_idle(state, record)):
            return record
        await asyncio.sleep(POLL_SECONDS)


def _is_idle(state: "Progress", record: "TaskRecord") -> bool:
    """Whether nothing runs or waits, and storage has the status that the workflow has."""
    from domain.tasks.status import Phase

    pending = state.pending_rollbacks or state.pending_retries
    return state.phase is Phase.SETTLED and not pending and state.status is record.status


async def _is_closed(client: "Client", record: "TaskRecord") -> bool:
    """Whether the workflow has closed.

    A task that is rolled back before it starts closes with the request still in its state.
    """
    from domain.tasks.messages import build_workflow_id
    from starter.temporal.client import is_workflow_closed

    return await is_workflow_closed(client, build_workflow_id(record.id))


def _build_status_printer(record: "TaskRecord") -> OnChange:
    """Builds a function that prints each new status where no live bar is shown."""
    last: list[str] = []

    def show(record: "TaskRecord") -> None:
        if record.status not in last[-1:]:
            last.append(record.status)
            if not sys.stderr.isatty():
                note(f"{record.name}: {_format_counts(record)}")

    return show


def _format_counts(record: "TaskRecord") -> str:
    counts = [f"{count} {humanize(name)}" for name, count in record.tally if count]
    unverifiable = f"; not verifiable: {record.unverifiable}" if record.unverifiable else ""
    return f"{humanize(record.status)} ({', '.join(counts)}{unverifiable})"


def _count_done(tally: "Tally") -> int:
    return tally.total - tally.pending - tally.deploying - tally.rolling_back
