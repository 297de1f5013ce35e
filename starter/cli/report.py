"""`certroll report` and `certroll task report`: writes and verifies the signed report of a task."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from domain.errors import BadInput
from starter.cli.shared import Json, open_store, read_file
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_json

app = typer.Typer(no_args_is_help=True)

MAX_BYTES = 256 << 20  # about two kilobytes for each change

File = Annotated[Path, typer.Argument(metavar="FILE", help="A report in JSON or HTML.")]


def write_report(
    which: Annotated[
        str, typer.Argument(metavar="ID|NAME", help="The task's name, or the beginning of its id.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write it. HTML if the name ends in .html, else JSON.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Writes the signed report of a task: requester, changes, evidence, quota, notifications.

    Without --output, JSON goes to standard output. An existing file is not overwritten.
    """
    import json

    from starter.requests.report import build_report, render_page, sign

    with open_store() as (store, _):
        envelope = sign(store, build_report(store, store.tasks.find(which)))
    as_page = output is not None and output.suffix.lower() in (".html", ".htm")
    text = render_page(envelope) if as_page else json.dumps(envelope, indent=2) + "\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(
            f"the file cannot be written: {error.strerror}",
            where=str(output),
            fix="Choose another file.",
            code="unwritable-file",
        ) from None
    key = envelope["signature"]["public_key"]
    if as_json:
        show_json({"file": str(output), "key": key})
    else:
        say(f"Wrote {output}, signed with {key}")


@app.command()
def verify(
    file: File,
    key: Annotated[
        str | None,
        typer.Option(
            "--key", metavar="HEX", help="The public key. Default: the key of this installation."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Verifies the signature of a report. Exit code 5 if the report was changed."""
    from starter.requests.report import is_genuine, read_envelope

    envelope = read_envelope(read_file(file, MAX_BYTES).decode(errors="replace"), str(file))
    if key is None:
        with open_store() as (store, _):
            key = store.signing.get_public_key()
    elif not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        raise BadInput(
            "this is not a public key of 64 hex digits",
            where="--key",
            fix="`certroll report key` shows the key of an installation.",
            code="invalid-key",
        )
    genuine, task = is_genuine(envelope, key.lower()), envelope["report"].get("task", {})
    if as_json:
        show_json({"genuine": genuine, "key": key.lower(), "task": task.get("id")})
    elif genuine:
        say(f"Genuine: signed with {key.lower()}, task {task.get('id')}.")
    else:
        note(f"NOT genuine: {key.lower()} did not sign this, or the report was changed afterwards.")
    if not genuine:
        raise CommandFailed(ExitCode.TASK)


@app.command("key")
def show_key(as_json: Json = False) -> None:
    """Shows the public key of this installation. An auditor keeps it to verify reports."""
    with open_store() as (store, _):
        key = store.signing.get_public_key()
    if as_json:
        show_json({"key": key})
    else:
        say(key)
