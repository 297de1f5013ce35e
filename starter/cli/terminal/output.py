"""Prints results: tables on a terminal, whole lines in a pipe, JSON for programs.

All commands call it.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import indent
from typing import Any

import typer

Meter = Callable[[int, int | None, str], None]

MAX_TERMINAL_ROWS = 200

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
    """Replaces control characters, which could manipulate a terminal. Line ends stay."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def get_row_limit(limit: int | None) -> int | None:
    """Returns the given limit; without one, 200 rows on a terminal and all rows in a pipe."""
    return MAX_TERMINAL_ROWS if limit is None and is_terminal() else limit


def say_omitted(shown: int, total: int) -> None:
    """Prints how many rows were left out."""
    if total > shown:
        note(f"... and {total - shown} more: --limit {total} shows all.")


def say(text: str = "") -> None:
    """Prints one line to standard output."""
    typer.echo(printable(text))


def note(text: str) -> None:
    """Prints one line to standard error, so that a pipe never takes it for data."""
    typer.echo(printable(text), err=True)


def show_json(value: Any) -> None:
    """Prints a value as indented JSON. It may contain domain values and times."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=_to_json_value))


def show_json_list(values: Iterable[Any]) -> None:
    """Prints a JSON list value by value, so that a long list never lies in memory."""
    is_open = False
    for value in values:
        text = json.dumps(value, indent=2, ensure_ascii=False, default=_to_json_value)
        typer.echo(("," if is_open else "[") + "\n" + indent(text, "  "), nl=False)
        is_open = True
    typer.echo("\n]" if is_open else "[]")


def show_json_line(value: Any, *, err: bool = False) -> None:
    """Prints a value as JSON on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False, default=_to_json_value), err=err)


def _to_json_value(value: Any) -> Any:
    """Converts domain values and times (RFC 3339) to JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, empty: str = "") -> None:
    """Prints a table. Nothing is cut off: a terminal folds cells, a pipe gets long lines.

    Without rows it prints `empty`.
    """
    clean = [[printable(cell).replace("\n", " ") for cell in row] for row in rows]
    if not clean:
        (say if is_terminal() else note)(empty)
    elif is_terminal():
        _print_for_terminal(columns, clean)
    else:
        _print_for_pipe([list(columns), *clean])


def show_csv(columns: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> None:
    """Prints a table as CSV. Texts that look like a formula are escaped.

    Others choose the names, and a spreadsheet would run a name that begins like a formula.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_escape_formula(cell) for cell in row] for row in rows)


def _escape_formula(cell: str | int | None) -> str | int | None:
    if not isinstance(cell, str):
        return cell
    text = printable(cell).replace("\n", " ")
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def show_fields(fields: Sequence[tuple[str, str]]) -> None:
    """Prints one line for each field, names aligned."""
    width = max(len(name) for name, _ in fields)
    for name, value in fields:
        first, *more = printable(value).split("\n")
        say(f"{name:<{width}}{_GAP}{first}".rstrip())
        for line in more:
            say(f"{'':<{width}}{_GAP}{line}")


def join_names(names: Sequence[str], most: int = 3) -> str:
    """Joins names with commas. A terminal gets the first few, and how many more there are."""
    if is_terminal() and len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return ", ".join(names)


def humanize(value: str) -> str:
    """Writes a status with spaces: "rolled back"."""
    return value.replace("_", " ")


def _print_for_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console, table = Console(file=sys.stdout), Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # Short columns stay whole, long ones fold; where not even that fits, all of them fold.
    least = [min(width, _SHORT) for width in _measure_columns([columns, *rows])]
    fits = sum(least) + 3 * len(least) <= console.width
    for column, width in zip(columns, least, strict=True):
        table.add_column(column, overflow="fold", min_width=width if fits else None)
    for row in rows:
        table.add_row(*(Text(cell, style=_get_style(cell)) for cell in row))
    console.print(table)


def _get_style(cell: str) -> str:
    return "green" if cell in _GOOD else "red" if cell in _BAD else ""


def _print_for_pipe(rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len

    widths = _measure_columns(rows)
    for row in rows:
        cells = (c + " " * (w - cell_len(c)) for c, w in zip(row, widths, strict=True))
        typer.echo(_GAP.join(cells).rstrip())


def _measure_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Returns the width of each column, in terminal cells."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


@contextmanager
def show_progress(what: str, *, quiet: bool = False) -> Iterator[Meter]:
    """Shows a live bar on standard error; nothing where that is not a terminal.

    The block calls the meter with (done, total or None, text).
    """
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
