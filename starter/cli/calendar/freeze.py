"""`certroll freeze`: periods in which no change starts."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.calendar.scope import Accounts, Replace, Tags, parse_scope
from starter.cli.shared import Json, Reason, Yes, confirm, open_store, parse_reason
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.calendar.windows import Freeze

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for lists and the audit log.")
    ],
    ends: Annotated[str, typer.Option("--to", metavar="TIME", help="When the freeze ends.")],
    reason: Reason,
    begins: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            help="When it begins, as for `task create --at`. Default: now.",
        ),
    ] = "now",
    account: Accounts = None,
    tag: Tags = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Stores a freeze: no change starts until it ends.

    Changes that already run are completed. Rollbacks are never frozen, and neither are changes of
    a resource whose certificate would expire during the freeze.
    """
    from domain.calendar.parsing import build_freeze
    from starter.cli.terminal.times import format_with_offset, parse_day

    now, reason = datetime.now(UTC), parse_reason(reason)
    first, last = parse_day(begins, now), parse_day(ends, now)
    with open_store() as (store, _):
        scope = parse_scope(store, account, tag)
        freeze = build_freeze(
            name,
            begins=first.astimezone(UTC),
            ends=last.astimezone(UTC),
            scope=scope,
            reason=reason,
        )
        store.calendar.freezes.add(freeze, replace=replace)
    if as_json:
        show_json(freeze)
    else:
        say(
            f"Freeze {name!r}: {format_with_offset(first)} to {format_with_offset(last)}, "
            f"for {freeze.scope}."
        )


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all freezes, also past ones."""
    from starter.cli.terminal.times import format_minute

    now = datetime.now(UTC)
    with open_store() as (store, _):
        freezes = store.calendar.freezes.list()
    if as_json:
        show_json([_to_json(each, now) for each in freezes])
        return
    rows = [
        (
            each.name,
            format_minute(each.begins),
            format_minute(each.ends),
            str(each.scope),
            _get_state(each, now),
            each.reason,
        )
        for each in sorted(freezes, key=lambda each: each.begins)
    ]
    columns = ("NAME", "FROM", "TO", "SCOPE", "STATE", "REASON")
    show_table(columns, rows, empty="No freezes: certroll freeze add")


@app.command()
def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The freeze's name.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deletes a freeze, which ends it.

    Tasks that were postponed to its end keep that time.
    """
    with open_store() as (store, _):
        store.calendar.freezes.find(name)
        confirm(f"Delete freeze {name!r}?", yes=yes)
        store.calendar.freezes.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Freeze {name!r} is deleted.")
        note("Postponed tasks keep their time. To start one earlier: certroll task reschedule")


def _get_state(freeze: "Freeze", now: datetime) -> str:
    if now < freeze.begins:
        return "upcoming"
    return "active" if now < freeze.ends else "over"


def _to_json(freeze: "Freeze", now: datetime) -> dict[str, Any]:
    return {**freeze.model_dump(mode="json"), "state": _get_state(freeze, now)}
