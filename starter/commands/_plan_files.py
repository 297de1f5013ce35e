"""Saved plans as files: written for review and for git, and taken back."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.commands._saved_plans import show_saved
from starter.commands._shared import By, Json, opened, read_file, who
from starter.output import note, show_json


def export(
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="The beginning of an id is enough.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Else it is printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Writes a saved plan as YAML: for review, and to live in git.

    It holds no secrets, and the same plan gives the same text.
    """
    import sys

    from domain.plan_file import write

    with opened() as (store, _):
        saved = store.plans.find(which)
        names = {each.fingerprint: each.name for each in store.certificates.list()}
        pieces = write(saved, store.plans.plan(saved.id), names)
        if as_json and output is None:
            show_json({"plan": saved, "text": "".join(pieces)})
        elif output is None:
            for piece in pieces:
                sys.stdout.write(piece)
        else:
            _write(output, "".join(pieces))
            note(f"{saved.name}: {saved.changes} changes in {output}")
            if as_json:
                show_json({"plan": saved, "file": str(output)})


def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `plan export` writes it.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Keeps the plan of a YAML file, after checking all of it; no cloud is asked.

    What is wrong is told with line and column, and then nothing is kept. A digest in the file has
    to be the plan's; one that was edited on purpose goes without it.
    """
    from domain.plan_file import MOST_BYTES, read
    from starter.plans import take as keep

    by = who(by)
    found, text = read(read_file(file, MOST_BYTES), str(file))
    with opened() as (store, _):
        saved = keep(store, found, text, str(file), by=by)
    if as_json:
        show_json(saved)
    else:
        show_saved([saved])


COMMANDS: dict[str, Callable[..., None]] = {"export": export, "import": take}


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror or type(error).__name__}",
            where=str(path),
            fix="Check the path and its permissions.",
        ) from None
