"""What commands print: tables for people, whole lines for pipes, JSON for programs."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import indent
from typing import Any

import typer

Meter = Callable[[int, int | None, str], None]

MOST_FOR_PEOPLE = 200

_GAP = "  "
_SHORT = 14
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\N{FULLWIDTH EQUALS SIGN}",
    "\N{FULLWIDTH PLUS SIGN}",
    "\N{FULLWIDTH HYPHEN-MINUS}",
    "\N{FULLWIDTH COMMERCIAL AT}",
)
_GOOD = {"succeeded", "deployed", "rolled back", "online", "fine"}
_BAD = {"failed", "partially failed", "partially rolled back", "rollback failed", "missing"}


def printable(text: str) -> str:
    """The text without whatever could play tricks with a terminal; line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def is_terminal() -> bool:
    """Whether a person reads what is printed."""
    return sys.stdout.isatty()


def shown_at_most(limit: int | None) -> int | None:
    """How many rows to show: as told, else a few screens for a person, and all for a program."""
    return MOST_FOR_PEOPLE if limit is None and is_terminal() else limit


def say_rest(shown: int, total: int) -> None:
    """Says how many rows were left out."""
    if total > shown:
        note(f"... and {total - shown} more: --limit {total} shows all.")


def say(text: str = "") -> None:
    """A line for people."""
    typer.echo(printable(text))


def note(text: str) -> None:
    """A line beside the result: on standard error, so that a pipe never takes it for data."""
    typer.echo(printable(text), err=True)


def show_json(value: Any) -> None:
    """The value as indented JSON; our values and times inside it too."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))


def show_json_list(values: Iterable[Any]) -> None:
    """The same for a list of any length: each value is printed before the next one is made."""
    opened = False
    for value in values:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
        typer.echo(("," if opened else "[") + "\n" + indent(text, "  "), nl=False)
        opened = True
    typer.echo("\n]" if opened else "[]")


def json_line(value: Any, *, err: bool = False) -> None:
    """The value as JSON on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain), err=err)


def _plain(value: Any) -> Any:
    """What JSON has no form for: our values as they are in storage, times as RFC 3339."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str = "") -> None:
    """Rows under their columns. Nothing is ever cut off: a terminal folds, a pipe gets long lines.

    Without rows, `empty` is said instead.
    """
    clean = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    if not clean:
        (say if is_terminal() else note)(empty)
    elif is_terminal():
        _for_people(columns, clean)
    else:
        _for_pipes([list(columns), *clean])


def show_csv(columns: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> None:
    """Rows under their columns as CSV, in which no text can be taken for a formula.

    Names are chosen by others, and a spreadsheet would run one that begins like a formula.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)


def _harmless(cell: str | int | None) -> str | int | None:
    if not isinstance(cell, str):
        return cell
    text = printable(cell).replace("\n", " ")
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def show_fields(fields: Sequence[tuple[str, str]]) -> None:
    """One thing: a line for each of its facts, the names aligned."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        first, *more = printable(value).split("\n")
        say(f"{name:<{width}}{_GAP}{first}".rstrip())
        for line in more:
            say(f"{'':<{width}}{_GAP}{line}")


def some(names: Sequence[str], most: int = 3) -> str:
    """The names with commas; on a terminal only the first few, and how many more there are."""
    if is_terminal() and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names)


def words(value: str) -> str:
    """A status as people read it."""
    return value.replace("_", " ")


def _for_people(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, table = Console(file=sys.stdout), Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # Short columns stay whole, long ones fold; where not even that fits, all of them fold.
    least = [min(width, _SHORT) for width in _widths([columns, *rows])]
    fits = sum(least) + 3 * len(least) <= console.width
    for column, width in zip(columns, least, strict=True):
        table.add_column(column, overflow="fold", min_width=width if fits else None)
    for row in rows:
        table.add_row(*(Text(cell, style=_style(cell)) for cell in row))
    console.print(table)


def _style(cell: str) -> str:
    return "green" if cell in _GOOD else "red" if cell in _BAD else ""


def _for_pipes(rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len

    widths = _widths(rows)
    for row in rows:
        cells = (c + " " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True))
        typer.echo(_GAP.join(cells).rstrip())


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """What each column needs, in cells of a terminal."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


@contextmanager
def metering(what: str, *, quiet: bool = False) -> Iterator[Meter]:
    """A live bar on standard error, told (done, total or None, text); silent where no one looks."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Elapsed(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(printable(what), total=None, text="")
        yield lambda done, total, text: progress.update(
            bar, completed=done, total=total, text=printable(text)
        )
