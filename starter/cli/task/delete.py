"""`certroll task delete`: deletes all named tasks, or none if one of the names is wrong."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import (
    By,
    Json,
    Reason,
    Yes,
    confirm,
    get_requester,
    open_store,
    parse_reason,
)
from starter.cli.task.options import parse_status
from starter.cli.terminal.output import humanize, note, say, show_json

if TYPE_CHECKING:
    from domain.tasks.record import TaskRecord
    from domain.tasks.status import TaskStatus
    from storage.settings import Settings
    from storage.store import Store


def delete(
    reason: Reason,
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|NAME...]", help="One or several names or ids."),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="All tasks of this status, for example failed; repeatable.",
        ),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(
            "--older-than",
            metavar="AGE",
            help='With --status: only tasks that ended at least this long ago, "30d" or "12h".',
        ),
    ] = None,
    by: By = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deletes tasks. A deleted task can no longer be rolled back.

    A task that waits or runs is cancelled first, and unused quota is refunded; deployed
    certificates stay. The audit log keeps who deleted it and why. If one name is wrong, no task
    is deleted.
    """
    from starter.cli.terminal.times import parse_age

    reason, by = parse_reason(reason), get_requester(by)
    _check_arguments(which, status, older_than)
    statuses = [parse_status(each) for each in status or ()]
    age = None if older_than is None else parse_age(older_than)
    with open_store() as (store, settings):
        records = _find_named(store, which) if which else _list_filtered(store, statuses, age)
        if records:
            _warn(records)
            confirm(f"Delete {_format_count(len(records))}?", yes=yes)
            asyncio.run(_delete_all(store, settings, records, reason, by))
    if as_json:
        show_json({"requested": "delete", "tasks": [record.id for record in records]})
    elif records:
        names = ", ".join(record.name for record in records)
        say(f"Deletion requested: {names}.")
    else:
        say("No task matches.")


def _check_arguments(
    which: Sequence[str] | None, status: Sequence[str] | None, older_than: str | None
) -> None:
    if bool(which) == bool(status):
        raise BadInput(
            "give either tasks or --status",
            fix="For example: certroll task delete --status failed --older-than 30d",
            code="conflicting-options",
        )
    if older_than is not None and not status:
        raise BadInput(
            "--older-than needs --status",
            where="--older-than",
            fix="Add --status.",
            code="missing-option",
        )


def _find_named(store: "Store", which: Sequence[str]) -> "list[TaskRecord]":
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
            wrong.append(f"{each} is already deleted.")
    if wrong:
        raise BadInput(
            " ".join(wrong).removesuffix("."), fix="Nothing was deleted.", code="unknown-task"
        )
    return list(found.values())


def _list_filtered(
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
    note("A deleted task can no longer be rolled back. Deployed certificates stay.")
    for record in records:
        note(f"  {record.id}  {record.name}: {_describe_consequence(record)}")


def _describe_consequence(record: "TaskRecord") -> str:
    from domain.tasks.status import TaskStatus as Status

    if record.status is Status.DRAFT:
        return "a draft, nothing has started"
    if record.status is Status.SCHEDULED:
        return f"scheduled; it is cancelled and its quota ({record.cost}) refunded"
    if record.status in (Status.RUNNING, Status.ROLLING_BACK):
        return (
            f"{humanize(record.status)}; changes that have not started are cancelled and refunded"
        )
    return f"{humanize(record.status)}, {record.tally.deployed} deployed"


def _format_count(count: int) -> str:
    return "this task" if count == 1 else f"these {count} tasks"


async def _delete_all(
    store: "Store", settings: "Settings", records: Sequence["TaskRecord"], reason: str, by: str
) -> None:
    """Requests each deletion. Drafts need no Temporal, since they have no workflow."""
    from domain.tasks.status import TaskStatus
    from starter.requests.tasks import delete as request_deletion
    from starter.temporal.client import connect

    others = [record for record in records if record.status is not TaskStatus.DRAFT]
    client = await connect(settings) if others else None
    for record in records:
        if client is None or record.status is TaskStatus.DRAFT:
            store.tasks.delete(record.id, by, reason, datetime.now(UTC))
        else:
            await request_deletion(store, client, record, reason, by)
