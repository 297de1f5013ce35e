"""`certroll plan export` and `import`, and the tables of saved plans and their differences."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import By, Json, get_requester, open_store, read_file
from starter.cli.terminal.output import note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.plans.diff import Difference
    from domain.plans.plan import Plan
    from domain.plans.saved import SavedPlan
    from storage.store import Store


def export(
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="The name, or the beginning of the id.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Where to write it. Default: standard output."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Writes a saved plan as YAML, for review and for git.

    The file holds no secrets. The same plan always gives the same text.
    """
    import sys

    from domain.plans.file import to_yaml

    with open_store() as (store, _):
        saved = store.plans.find(which)
        names = {each.fingerprint: each.name for each in store.certificates.list()}
        pieces = to_yaml(saved, store.plans.get_plan(saved.id), names)
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


def import_plan(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file written by `plan export`.")],
    by: By = None,
    as_json: Json = False,
) -> None:
    """Checks a plan in a YAML file and saves it. No provider is called.

    Mistakes are reported with line and column, and nothing is saved. A digest in the file must
    match the plan: remove the digest from a file that you have edited.
    """
    from domain.plans.file import MAX_BYTES, parse_plan_file
    from starter.requests.plans import import_plan as save

    by = get_requester(by)
    found, text = parse_plan_file(read_file(file, MAX_BYTES), str(file))
    with open_store() as (store, _):
        saved = save(store, found, text, str(file), by=by)
    if as_json:
        show_json(saved)
    else:
        show_saved([saved])


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(
            f"the file cannot be written: {error.strerror or type(error).__name__}",
            where=str(path),
            fix="Check the path and its permissions.",
            code="unwritable-file",
        ) from None


def show_saved(found: Sequence["SavedPlan"]) -> None:
    """Prints one line for each plan."""
    from starter.cli.terminal.times import format_minute

    rows = [
        (
            each.id,
            each.name,
            str(each.changes),
            each.origin,
            format_minute(each.created_at),
            each.created_by,
            each.digest[:12],
        )
        for each in found
    ]
    columns = ("ID", "NAME", "CHANGES", "ORIGIN", "CREATED", "BY", "DIGEST")
    show_table(columns, rows, empty="No plans yet: certroll plan create")


def show_differences(found: Sequence["Difference"]) -> None:
    """Prints one line for each difference, and how many there are of each kind."""
    rows = [
        (
            each.resource,
            _describe_difference(each.kind),
            each.was or "",
            each.now or "",
            each.reason or "",
        )
        for each in found
    ]
    columns = ("RESOURCE", "DIFFERENCE", "BEFORE", "NOW", "REASON")
    show_table(columns, rows, empty="No differences.")
    if found:
        counts = Counter(_describe_difference(each.kind) for each in found)
        say(", ".join(f"{count} {what}" for what, count in counts.items()))


def list_certificates(store: "Store", plan: "Plan") -> list["Certificate"]:
    """Lists the certificates of the plan that are still stored."""
    from operations.planning.replan import find_certificates

    return list(find_certificates(store, plan.certificates).values())


def _describe_difference(what: str) -> str:
    return {"before": "serves another", "after": "gets another"}.get(what, what)
