"""Saved plans as a person reads them, and what differs between two of them."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import By, Json, opened, read_file, who
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.plans.diff import Difference
    from domain.plans.plan import Plan
    from domain.plans.saved import SavedPlan
    from storage.store import Store


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

    from domain.plans.file import write

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
    from domain.plans.file import MOST_BYTES, read
    from starter.requests.plans import take as keep

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


def show_saved(found: Sequence["SavedPlan"]) -> None:
    """One line for each plan."""
    from starter.cli.terminal.times import shown

    rows = [
        (
            each.id,
            each.name,
            str(each.changes),
            each.origin,
            shown(each.created_at),
            each.created_by,
            each.digest[:12],
        )
        for each in found
    ]
    columns = ("ID", "NAME", "CHANGES", "ORIGIN", "CREATED", "BY", "DIGEST")
    show_table(columns, rows, empty="No plans yet: certroll plan create")


def show_differences(found: Sequence["Difference"]) -> None:
    """One line for each, and how many there are of each kind."""
    rows = [
        (each.resource, _words(each.what), each.was or "", each.now or "", each.reason or "")
        for each in found
    ]
    columns = ("RESOURCE", "DIFFERS", "WAS", "NOW", "REASON")
    show_table(columns, rows, empty="Nothing differs.")
    if found:
        counts = Counter(_words(each.what) for each in found)
        say(", ".join(f"{count} {what}" for what, count in counts.items()))


def certificates_of(store: "Store", plan: "Plan") -> list["Certificate"]:
    """Those of the plan that are still stored."""
    from operations.planning.replan import certificates

    return list(certificates(store, plan.certificates).values())


def _words(what: str) -> str:
    return {"before": "serves another", "after": "gets another"}.get(what, what)
