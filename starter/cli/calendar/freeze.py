"""`certroll freeze`: times in which no change is begun."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.calendar.scope import Accounts, Replace, Tags, checked_scope
from starter.cli.shared import Json, Reason, Yes, confirm, opened, why
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.calendar.windows import Freeze

app = typer.Typer(no_args_is_help=True)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For lists and audits.")],
    ends: Annotated[str, typer.Option("--to", metavar="TIME", help="When it ends.")],
    reason: Reason,
    begins: Annotated[
        str, typer.Option("--from", metavar="TIME", help="As for `task create --at`.")
    ] = "now",
    account: Accounts = None,
    tag: Tags = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Stores a freeze.

    Changes under way when it begins are brought to their end, others wait until it is over. The
    way back is never frozen, and neither is what would expire meanwhile.
    """
    from domain.calendar.parsing import freeze
    from starter.cli.terminal.times import echoed, parse_day

    now, reason = datetime.now(UTC), why(reason)
    first, last = parse_day(begins, now), parse_day(ends, now)
    with opened() as (store, _):
        scope = checked_scope(store, account, tag)
        made = freeze(
            name,
            begins=first.astimezone(UTC),
            ends=last.astimezone(UTC),
            scope=scope,
            reason=reason,
        )
        store.calendar.freezes.add(made, replace=replace)
    if as_json:
        show_json(made)
    else:
        say(f"Freeze {name!r}: {echoed(first)} to {echoed(last)}, for {made.scope}.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all freezes, also those that are over."""
    from starter.cli.terminal.times import shown

    now = datetime.now(UTC)
    with opened() as (store, _):
        freezes = store.calendar.freezes.list()
    if as_json:
        show_json([_facts(each, now) for each in freezes])
        return
    rows = [
        (
            each.name,
            shown(each.begins),
            shown(each.ends),
            str(each.scope),
            _state(each, now),
            each.reason,
        )
        for each in sorted(freezes, key=lambda each: each.begins)
    ]
    columns = ("NAME", "FROM", "TO", "FOR", "NOW", "REASON")
    show_table(columns, rows, empty="No freezes: certroll freeze add")


@app.command()
def delete(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The freeze's name.")],
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Forgets a freeze, which ends it.

    Tasks that were moved to its end keep that time.
    """
    with opened() as (store, _):
        store.calendar.freezes.find(name)
        confirm(f"Delete freeze {name!r}?", yes=yes)
        store.calendar.freezes.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Freeze {name!r} is deleted.")
        note("Tasks that were moved keep their time; to have one earlier: certroll task reschedule")


def _state(freeze: "Freeze", now: datetime) -> str:
    if now < freeze.begins:
        return "to come"
    return "frozen" if now < freeze.ends else "over"


def _facts(freeze: "Freeze", now: datetime) -> dict[str, Any]:
    return {**freeze.model_dump(mode="json"), "state": _state(freeze, now)}
