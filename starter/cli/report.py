"""`certroll report`: what a task did, signed, and whether such a report is genuine."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, opened, read_file
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, say, show_json

app = typer.Typer(no_args_is_help=True)

MOST_BYTES = 256 << 20  # a change has some two kilobytes

File = Annotated[Path, typer.Argument(metavar="FILE", help="A report, JSON or HTML.")]


def write(
    which: Annotated[str, typer.Argument(metavar="ID|NAME", help="The task.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="A page if it ends in .html, else JSON."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Writes the signed report of a task: who asked, each change, proof, quota, notifications.

    Without --output the JSON goes to the standard output. An existing file is not overwritten.
    """
    import json

    from starter.requests.report import page, report, signed

    with opened() as (store, _):
        envelope = signed(store, report(store, store.tasks.find(which)))
    as_page = output is not None and output.suffix.lower() in (".html", ".htm")
    text = page(envelope) if as_page else json.dumps(envelope, indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(
            f"cannot be written: {error.strerror}", where=str(output), fix="Choose another file."
        ) from None
    key = envelope["signature"]["public_key"]
    if as_json:
        show_json({"file": str(output), "key": key})
    else:
        say(f"{output} is written, signed with {key}")


@app.command()
def verify(
    file: File,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="HEX", help="The public key; by default this database's."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tells whether a report is exactly as it was signed; exit code 5 if it is not."""
    from starter.requests.report import envelope_in, is_genuine

    envelope = envelope_in(read_file(file, MOST_BYTES).decode(errors="replace"), str(file))
    if key is None:
        with opened() as (store, _):
            key = store.signing.public()
    elif not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        raise BadInput("a key has 64 hex digits", where="--key", fix="See `certroll report key`.")
    genuine, task = is_genuine(envelope, key.lower()), envelope["report"].get("task", {})
    if as_json:
        show_json({"genuine": genuine, "key": key.lower(), "task": task.get("id")})
    elif genuine:
        say(f"Genuine: signed with {key.lower()}, task {task.get('id')}.")
    else:
        note(f"NOT genuine: {key.lower()} has not signed this, or it was changed since.")
    if not genuine:
        raise Problem(Code.TASK)


@app.command("key")
def show_key(as_json: Json = False) -> None:
    """Shows the public key of this installation, for an auditor to keep beforehand."""
    with opened() as (store, _):
        key = store.signing.public()
    if as_json:
        show_json({"key": key})
    else:
        say(key)
