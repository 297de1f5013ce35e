"""Shared by all commands: common options, the store, files, secrets, and the yes/no question."""

import getpass
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note

if TYPE_CHECKING:
    from storage.settings import Settings
    from storage.store import Store


MAX_NAME_LENGTH = 80


def parse_or_build_name(name: str | None, certificates: list[str] | None, now: datetime) -> str:
    """Returns the given name, or builds one from certificate and time."""
    if name is None:
        what = certificates[0][:40] if certificates else "all certificates"
        return f"{what} {now:%Y-%m-%d %H:%M:%S}"
    return parse_name(name)


def parse_name(name: str) -> str:
    """Checks the name of a plan or a task. Raises BadInput."""
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise BadInput(
            f"{name[:MAX_NAME_LENGTH]!r} is not a valid name for a plan or a task",
            code="invalid-name",
            where="--name",
            fix=f"Give 1 to {MAX_NAME_LENGTH} printable characters.",
        )
    return name.strip()


MAX_BYTES = 1 << 20  # a chain has a few kilobytes; a device would never end
LONGEST_REASON, LONGEST_NAME = 1000, 200

Json = Annotated[bool, typer.Option("--json", help="Print JSON, also for errors.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
By = Annotated[
    str | None,
    typer.Option(
        "--by", metavar="WHO", help="Who does this, for the audit log. Default: USER@HOST."
    ),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit log.")]


@contextmanager
def open_store() -> Iterator[tuple["Store", "Settings"]]:
    """Opens the store of CERTROLL_HOME. A new home gets its database."""
    from storage.settings import Settings
    from storage.store import Store

    settings = Settings()
    is_new = settings.database_url is None and not (settings.home / "certroll.db").exists()
    with Store.open(settings, migrate=is_new) as store:
        yield store, settings


def read_file(path: Path, most: int = MAX_BYTES) -> bytes:
    """Reads a file of at most `most` bytes (default 1 MiB). Raises BadInput."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BadInput(
            f"the file cannot be read: {error.strerror or type(error).__name__}",
            where=str(path),
            fix="Check the path and its permissions.",
            code="unreadable-file",
        ) from None
    if len(data) > most:
        raise BadInput(
            f"the file has more than {most} bytes",
            where=str(path),
            fix="Check that this is the right file.",
            code="file-too-large",
        )
    return data


def read_secret(file: Path | None, variable: str) -> str | None:
    """Reads a secret from a file, without its last line end; without a file, from `variable`."""
    if file is None:
        return os.environ.get(variable)
    try:
        return read_file(file).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise BadInput(
            "the file is not text",
            where=str(file),
            fix="Give a file with one line of UTF-8 text.",
            code="not-text",
        ) from None


def can_prompt() -> bool:
    """Whether standard input is a terminal, so that a person can answer."""
    return sys.stdin.isatty()


def ask_secret(prompt: str) -> str:
    """Prompts for a secret without echoing it."""
    answer: str = typer.prompt(prompt, hide_input=True, err=True)
    return answer


def confirm(question: str, *, yes: bool) -> None:
    """Asks for a yes. Raises BadInput where nobody can answer and `--yes` was not given."""
    if yes:
        return
    if not can_prompt():
        raise BadInput(
            "this needs confirmation, and standard input is not a terminal",
            where="--yes",
            fix="Add --yes to confirm.",
            code="confirmation-required",
        )
    if not typer.confirm(question, err=True):
        note("Nothing was changed.")
        raise CommandFailed(ExitCode.UNEXPECTED)


def get_requester(by: str | None) -> str:
    """Returns `--by`, by default USER@HOST."""
    if by is None:
        try:
            by = f"{getpass.getuser()}@{socket.gethostname()}"
        except (KeyError, OSError):
            by = f"user {os.getuid()}@{socket.gethostname()}"
    return _parse_line(by, "--by", LONGEST_NAME)


def parse_reason(reason: str, option: str = "--reason") -> str:
    """Checks the reason. Raises BadInput where it is empty or too long."""
    return _parse_line(reason, option, LONGEST_REASON)


def _parse_line(text: str, where: str, longest: int) -> str:
    text = text.strip()
    if not text or len(text) > longest:
        raise BadInput(
            f"the text has {len(text)} characters",
            where=where,
            fix=f"Give 1 to {longest} characters.",
            code="invalid-text-length",
        )
    return text
