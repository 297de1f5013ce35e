"""`certroll window`: maintenance windows, when changes may start."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from starter.cli.calendar.scope import Accounts, Replace, Tags, parse_scope
from starter.cli.shared import Json, Yes, confirm, open_store
from starter.cli.terminal.output import note, say, show_fields, show_json, show_table

if TYPE_CHECKING:
    from domain.calendar.time_spans import TimeSpan
    from domain.calendar.windows import Freeze, Window

app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The window's name.")]
MAX_OPENINGS = 50
WEEK = timedelta(days=7)


@app.command()
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for lists and the audit log.")
    ],
    start: Annotated[
        str, typer.Option("--from", metavar="HH:MM", help="Start, in local time of --zone.")
    ],
    end: Annotated[
        str,
        typer.Option(
            "--to", metavar="HH:MM", help="End. If not after --from, it is on the next day."
        ),
    ],
    zone: Annotated[
        str,
        typer.Option("--zone", metavar="ZONE", help="IANA time zone, for example Europe/Berlin."),
    ],
    days: Annotated[
        str,
        typer.Option(
            "--days", metavar="DAYS", help='Days on which it starts: "mon-fri" or "sat,sun".'
        ),
    ] = "daily",
    account: Accounts = None,
    tag: Tags = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Stores a maintenance window.

    A change waits until a window for its account and tags is open. A resource that no window
    covers may change at any time.
    """
    from domain.calendar.parsing import parse_window

    with open_store() as (store, _):
        scope = parse_scope(store, account, tag)
        window = parse_window(name, zone=zone, days=days, start=start, end=end, scope=scope)
        store.calendar.windows.add(window, replace=replace)
    if as_json:
        show_json(window)
    else:
        say(f"Window {name!r} is stored: {window.hours}, for {window.scope}.")
        note("It also applies to tasks that already wait.")


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Lists all windows: whether each is open now, and when it opens next."""
    now = datetime.now(UTC)
    with open_store() as (store, _):
        windows, freezes = store.calendar.windows.list(), store.calendar.freezes.list()
    if as_json:
        show_json([_to_json(each, freezes, now, 1) for each in windows])
        return
    rows = [_build_row(each, freezes, now) for each in windows]
    columns = ("NAME", "HOURS", "SCOPE", "STATE", "OPENS NEXT")
    show_table(
        columns, rows, empty="No windows, so changes may start at any time: certroll window add"
    )


@app.command()
def show(
    name: Name,
    count: Annotated[
        int,
        typer.Option(
            "--next", metavar="N", min=1, max=MAX_OPENINGS, help="How many openings to list."
        ),
    ] = 7,
    as_json: Json = False,
) -> None:
    """Shows one window and when it opens next, in its own time zone."""
    now = datetime.now(UTC)
    with open_store() as (store, _):
        window, freezes = store.calendar.windows.find(name), store.calendar.freezes.list()
    if as_json:
        show_json(_to_json(window, freezes, now, count))
        return
    frozen = _list_active_freezes(window, freezes, now)
    show_fields(
        [
            ("name", window.name),
            ("hours", window.hours),
            ("scope", str(window.scope)),
            ("state", _describe_state(window, freezes, now)),
            *(("freeze", f"{each.name}: {each.reason}") for each in frozen),
            (
                "next",
                "\n".join(
                    _format_opening(each, window)
                    for each in _list_openings(window, freezes, now, count)
                ),
            ),
        ]
    )


@app.command()
def delete(name: Name, yes: Yes = False, as_json: Json = False) -> None:
    """Deletes a window. Resources that no other window covers may then change at any time."""
    with open_store() as (store, _):
        store.calendar.windows.find(name)
        confirm(f"Delete window {name!r}?", yes=yes)
        store.calendar.windows.delete(name)
    if as_json:
        show_json({"deleted": name})
    else:
        say(f"Window {name!r} is deleted.")


def _build_row(window: "Window", freezes: list["Freeze"], now: datetime) -> tuple[str, ...]:
    from starter.cli.terminal.times import format_minute

    following = [each for each in _list_openings(window, freezes, now, 2) if each[0] > now]
    return (
        window.name,
        window.hours,
        str(window.scope),
        _describe_state(window, freezes, now),
        format_minute(following[0][0]) if following else "",
    )


def _to_json(
    window: "Window", freezes: list["Freeze"], now: datetime, count: int
) -> dict[str, Any]:
    """Converts a window to JSON; `next` lists its openings, the first may be open now."""
    hours = _list_openings(window, freezes, now, count)
    return {
        **window.model_dump(mode="json"),
        "open_now": hours[0][0] <= now and not _list_active_freezes(window, freezes, now),
        "frozen_by": [each.name for each in _list_active_freezes(window, freezes, now)],
        "next": [{"opens": opens, "closes": closes} for opens, closes in hours],
    }


def _describe_state(window: "Window", freezes: list["Freeze"], now: datetime) -> str:
    from starter.cli.terminal.times import format_minute

    opens, closes = _list_openings(window, freezes, now, 1)[0]
    if frozen := _list_active_freezes(window, freezes, now):
        return f"frozen until {format_minute(max(each.ends for each in frozen))}"
    if opens > now:
        return "closed"
    return f"open until {format_minute(closes)}" if closes - now < WEEK else "always open"


def _list_active_freezes(
    window: "Window", freezes: list["Freeze"], now: datetime
) -> list["Freeze"]:
    """Lists freezes that are active now for a part of the window's scope."""
    return [
        each
        for each in freezes
        if each.begins <= now < each.ends and each.scope.may_overlap(window.scope)
    ]


def _list_openings(
    window: "Window", freezes: list["Freeze"], now: datetime, count: int
) -> list["TimeSpan"]:
    """Lists the next openings, the first may be open now, without the time of certain freezes."""
    from domain.calendar.time_spans import (
        DAY,
        intersect_spans,
        list_open_spans,
        list_unfrozen_spans,
    )
    from domain.calendar.windows import CalendarScope

    certain = [each for each in freezes if each.scope in (CalendarScope(), window.scope)]
    after = now - 2 * DAY
    before = max([now, *(each.ends for each in certain)]) + (count + 2) * WEEK
    hours = intersect_spans(
        list_open_spans(window, after, before), list_unfrozen_spans(certain, after, before)
    )
    return [span for span in hours if span[1] > now][:count]


def _format_opening(span: "TimeSpan", window: "Window") -> str:
    from zoneinfo import ZoneInfo

    opens, closes = (each.astimezone(ZoneInfo(window.zone)) for each in span)
    minutes = round((span[1] - span[0]).total_seconds() / 60)
    length = f"{minutes // 60} h {minutes % 60:02} min"
    return f"{opens:%a %Y-%m-%d %H:%M %Z} to {closes:%a %H:%M %Z}, {length}"
