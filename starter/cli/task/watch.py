"""Waiting for a task: a live bar for people, lines for logs, JSON lines for programs."""

import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from starter.cli.terminal.output import metering, note, words

if TYPE_CHECKING:
    from temporalio.client import Client

    from domain.tasks.messages import Progress
    from domain.tasks.record import TaskRecord
    from domain.tasks.status import Tally
    from storage.store import Store

Told = Callable[["TaskRecord"], None]
SECONDS_BETWEEN_LOOKS = 0.3


async def until_ended(store: "Store", record: "TaskRecord", told: Told | None) -> "TaskRecord":
    """The task once nothing of it runs any more; `told` hears of each change instead of a person.

    Ctrl-C ends only the waiting.
    """
    from starter.requests.tasks import watch

    last, show = record, _shower(record)
    try:
        with metering(record.name, quiet=told is not None) as meter:
            async for last in watch(store, record.id):
                (told or show)(last)
                meter(_done(last.tally), last.tally.total, _counts(last))
    except asyncio.CancelledError:
        note(f"The task goes on by itself: certroll task watch {record.id}")
        raise
    return last


async def until_idle(store: "Store", client: "Client", record: "TaskRecord") -> "TaskRecord":
    """The task once no rollback or retry of it is waiting or under way any more."""
    from starter.requests.tasks import progress

    show = _shower(record)
    while True:
        told = await progress(client, record)
        closed = told is None or await _is_closed(client, record)
        record = await asyncio.to_thread(store.tasks.get, record.id)
        show(record)
        if closed or (told is not None and _is_idle(told, record)):
            return record
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)


def _is_idle(told: "Progress", record: "TaskRecord") -> bool:
    """Whether nothing runs or waits; the workflow knows its status before it is written down."""
    from domain.tasks.status import Phase

    asked = told.pending_rollbacks or told.pending_retries
    return told.phase is Phase.SETTLED and not asked and told.status is record.status


async def _is_closed(client: "Client", record: "TaskRecord") -> bool:
    """A task that was rolled back before it began ends with the request still in its state."""
    from temporalio.client import WorkflowExecutionStatus as Status

    from domain.tasks.messages import workflow_id

    described = await client.get_workflow_handle(workflow_id(record.id)).describe()
    return described.status not in (Status.RUNNING, Status.CONTINUED_AS_NEW)


def _shower(record: "TaskRecord") -> Told:
    """Tells each new status on a line of its own where no live bar is shown."""
    last: list[str] = []

    def show(record: "TaskRecord") -> None:
        if record.status not in last[-1:]:
            last.append(record.status)
            if not sys.stderr.isatty():
                note(f"{record.name}: {_counts(record)}")

    return show


def _counts(record: "TaskRecord") -> str:
    counts = [f"{count} {words(name)}" for name, count in record.tally if count]
    proof = f"; without proof: {record.unproven}" if record.unproven else ""
    return f"{words(record.status)} ({', '.join(counts)}{proof})"


def _done(tally: "Tally") -> int:
    return tally.total - tally.pending - tally.deploying - tally.rolling_back
