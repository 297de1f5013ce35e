"""Deleting tasks, one or many: all of them, or none where a single one is wrong."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import By, Json, Reason, Yes, confirm, opened, who, why
from starter.cli.task.options import known_status
from starter.cli.terminal.output import note, say, show_json, words

if TYPE_CHECKING:
    from domain.tasks.record import TaskRecord
    from domain.tasks.status import TaskStatus
    from storage.settings import Settings
    from storage.store import Store


def delete(
    reason: Reason,
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID|NAME...]", help="One or several.")
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="STATUS", help="All that are, say, failed; repeatable."),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help='Of --status only those that ended so long ago: "30d", "12h".',
        ),
    ] = None,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deletes tasks; they cannot be rolled back any more.

    What waits or runs is cancelled first, and what it did not deploy is refunded; what is deployed
    stays. Its audit says who deleted it and why. If one of those named is wrong, none is deleted.
    """
    from starter.cli.terminal.times import parse_age

    reason, by = why(reason), who(by)
    _check_words(which, status, older_than)
    statuses = [known_status(each) for each in status or ()]
    age = None if older_than is None else parse_age(older_than)
    with opened() as (store, settings):
        records = _named(store, which) if which else _filtered(store, statuses, age)
        if records:
            _warn(records)
            confirm(f"Delete {_counted(len(records))}?", yes=yes)
            asyncio.run(_delete_all(store, settings, records, reason, by))
    if as_json:
        show_json({"asked": "delete", "tasks": [record.id for record in records]})
    elif records:
        names = ", ".join(record.name for record in records)
        say(f"Asked to delete {names}.")
    else:
        say("There is no such task.")


def _check_words(
    which: Sequence[str] | None, status: Sequence[str] | None, older_than: str | None
) -> None:
    if bool(which) == bool(status):
        raise BadInput(
            "name tasks, or say of which status: one of both",
            fix="For example: certroll task delete --status failed --older-than 30d.",
        )
    if older_than is not None and not status:
        raise BadInput("only narrows --status", where="--older-than", fix="Add --status.")


def _named(store: "Store", which: Sequence[str]) -> "list[TaskRecord]":
    found: dict[str, TaskRecord] = {}
    wrong: list[str] = []
    for each in which:
        try:
            record = store.tasks.find(each)
        except BadInput as error:
            wrong.append(str(error))
            continue
        found[record.id] = record
        if record.deleted_at is not None:
            wrong.append(f"{each} is deleted already.")
    if wrong:
        fix = "Nothing was deleted."
        raise BadInput(" ".join(wrong).removesuffix("."), fix=fix)
    return list(found.values())


def _filtered(
    store: "Store", statuses: "Sequence[TaskStatus]", age: timedelta | None
) -> "list[TaskRecord]":
    now = datetime.now(UTC)
    found = [record for status in statuses for record in store.tasks.list(status=status)]
    chosen = {
        each.id: each
        for each in found
        if age is None or now - (each.ended_at or each.created_at) > age
    }
    return list(chosen.values())


def _warn(records: "Sequence[TaskRecord]") -> None:
    note("A deleted task can no longer be rolled back; what it deployed stays.")
    for record in records:
        note(f"  {record.id}  {record.name}: {_what(record)}")


def _what(record: "TaskRecord") -> str:
    from domain.tasks.status import TaskStatus as Status

    if record.status is Status.DRAFT:
        return "a draft, nothing of it was begun"
    if record.status is Status.SCHEDULED:
        return f"waits; it is cancelled, and its quota ({record.cost}) refunded"
    if record.status in (Status.RUNNING, Status.ROLLING_BACK):
        return f"{words(record.status)}; what was not begun is cancelled and refunded"
    return f"{words(record.status)}, {record.tally.deployed} deployed"


def _counted(count: int) -> str:
    return "this task" if count == 1 else f"these {count} tasks"


async def _delete_all(
    store: "Store", settings: "Settings", records: Sequence["TaskRecord"], reason: str, by: str
) -> None:
    """Drafts need no engine: nothing of them runs."""
    from domain.tasks.status import TaskStatus
    from starter.requests.tasks import delete as ask
    from starter.temporal.client import connect

    others = [record for record in records if record.status is not TaskStatus.DRAFT]
    client = await connect(settings) if others else None
    for record in records:
        if client is None or record.status is TaskStatus.DRAFT:
            store.tasks.delete(record.id, by, reason, datetime.now(UTC))
        else:
            await ask(store, client, record, reason, by)
