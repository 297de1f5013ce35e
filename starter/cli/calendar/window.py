"""`certroll window`: when changes may be made."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.calendar.scope import Accounts, Replace, Tags, checked_scope
from starter.cli.shared import Json, Yes, confirm, opened
from starter.cli.terminal.output import note, say, show_fields, show_json, show_table

if TYPE_CHECKING:
    from domain.calendar.opening_hours import Span
    from domain.calendar.windows import Freeze, Window

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The window's name.")]
MOST_SHOWN = 50
WEEK = timedelta(days=7)


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For lists and audits.")],
    start: Annotated[str, typer.Option("--from", metavar="HH:MM", help="By the zone's clock.")],
    end: Annotated[
        str, typer.Option("--to", metavar="HH:MM", help="Not after --from: on the next day.")
    ],
    zone: Annotated[
        str, typer.Option("--zone", metavar="ZONE", help="IANA name, such as Europe/Berlin.")
    ],
    days: Annotated[
        str, typer.Option("--days", metavar="DAYS", help='Of the start: "mon-fri" or "sat,sun".')
    ] = "daily",
    account: Accounts = None,
    tag: Tags = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Stores a maintenance window.

    A change waits until one of the windows that are for its account and tags is open. Where none
    is for it, it may be made at any time.
    """
    from domain.calendar.parsing import window

    with opened() as (store, _):
        scope = checked_scope(store, account, tag)
        made = window(name, zone=zone, days=days, start=start, end=end, scope=scope)
        store.calendar.windows.add(made, replace=replace)
    if as_json:
        show_json(made)
    else:
        say(f"Window {name!r} is stored: {made.hours}, for {made.scope}.")
        note("Tasks that wait heed it when their time comes.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all windows: whether they are open now, and when they open next."""
    now = datetime.now(UTC)
    with opened() as (store, _):
        windows, freezes = store.calendar.windows.list(), store.calendar.freezes.list()
    if as_json:
        show_json([_facts(each, freezes, now, 1) for each in windows])
        return
    rows = [_row(each, freezes, now) for each in windows]
    columns = ("NAME", "HOURS", "FOR", "NOW", "NEXT")
    show_table(columns, rows, empty="No windows yet, so everything is open: certroll window add")


@app.command()
def show(
    name: Name,
    count: Annotated[
        int, typer.Option("--next", metavar="N", min=1, max=MOST_SHOWN, help="So many openings.")
    ] = 7,
    as_json: Json = False,
) -> None:
    """Shows one window with its next openings, by its own clock."""
    now = datetime.now(UTC)
    with opened() as (store, _):
        window, freezes = store.calendar.windows.find(name), store.calendar.freezes.list()
    if as_json:
        show_json(_facts(window, freezes, now, count))
        return
    frozen = _frozen(window, freezes, now)
    show_fields(
        [
            ("name", window.name),
            ("hours", window.hours),
            ("for", str(window.scope)),
            ("now", _state(window, freezes, now)),
            *(("freeze", f"{each.name}: {each.reason}") for each in frozen),
            (
                "next",
                "\n".join(_told(each, window) for each in _upcoming(window, freezes, now, count)),
            ),
        ]
    )


@app.command()
def delete(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Forgets a window; what no other window is for is open at any time then."""
    with opened() as (store, _):
        store.calendar.windows.find(name)
        confirm(f"Delete window {name!r}?", yes=yes)
        store.calendar.windows.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Window {name!r} is deleted.")


def _row(window: "Window", freezes: list["Freeze"], now: datetime) -> tuple[str, ...]:
    from starter.cli.terminal.times import shown

    following = [each for each in _upcoming(window, freezes, now, 2) if each[0] > now]
    return (
        window.name,
        window.hours,
        str(window.scope),
        _state(window, freezes, now),
        shown(following[0][0]) if following else "",
    )


def _facts(window: "Window", freezes: list["Freeze"], now: datetime, count: int) -> dict[str, Any]:
    """The window as JSON; `next` are its openings from now on, the first perhaps open now."""
    hours = _upcoming(window, freezes, now, count)
    return {
        **window.model_dump(mode="json"),
        "open_now": hours[0][0] <= now and not _frozen(window, freezes, now),
        "frozen_by": [each.name for each in _frozen(window, freezes, now)],
        "next": [{"opens": opens, "closes": closes} for opens, closes in hours],
    }


def _state(window: "Window", freezes: list["Freeze"], now: datetime) -> str:
    from starter.cli.terminal.times import shown

    opens, closes = _upcoming(window, freezes, now, 1)[0]
    if frozen := _frozen(window, freezes, now):
        return f"frozen until {shown(max(each.ends for each in frozen))}"
    if opens > now:
        return "closed"
    return f"open until {shown(closes)}" if closes - now < WEEK else "always open"


def _frozen(window: "Window", freezes: list["Freeze"], now: datetime) -> list["Freeze"]:
    """Freezes that hold now for some of what the window is for."""
    return [
        each
        for each in freezes
        if each.begins <= now < each.ends and each.scope.may_meet(window.scope)
    ]


def _upcoming(window: "Window", freezes: list["Freeze"], now: datetime, count: int) -> list["Span"]:
    """The next openings, the first perhaps begun; without what a freeze surely takes of them."""
    from domain.calendar.opening_hours import DAY, common, open_hours, unfrozen
    from domain.calendar.windows import Scope

    sure = [each for each in freezes if each.scope in (Scope(), window.scope)]
    after = now - 2 * DAY
    before = max([now, *(each.ends for each in sure)]) + (count + 2) * WEEK
    hours = common(open_hours(window, after, before), unfrozen(sure, after, before))
    return [span for span in hours if span[1] > now][:count]


def _told(span: "Span", window: "Window") -> str:
    from zoneinfo import ZoneInfo

    opens, closes = (each.astimezone(ZoneInfo(window.zone)) for each in span)
    minutes = round((span[1] - span[0]).total_seconds() / 60)
    length = f"{minutes // 60} h {minutes % 60:02} min"
    return f"{opens:%a %Y-%m-%d %H:%M %Z} to {closes:%a %H:%M %Z}, {length}"
