"""What commands share: options, the store, secrets, and the question before a cloud is changed."""

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
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note

if TYPE_CHECKING:
    from storage.settings import Settings
    from storage.store import Store


LONGEST_TITLE = 80


def name_for(name: str | None, certificates: list[str] | None, now: datetime) -> str:
    """The name as given, or one made of certificate and time."""
    if name is None:
        what = certificates[0][:40] if certificates else "all certificates"
        return f"{what} {now:%Y-%m-%d %H:%M:%S}"
    return checked_name(name)


def checked_name(name: str) -> str:
    """The name, if it is one."""
    if not name.strip() or len(name) > LONGEST_TITLE or not name.isprintable():
        raise BadInput(
            f"{name[:LONGEST_TITLE]!r} is no name for a plan or a task",
            where="--name",
            fix=f"Give 1 to {LONGEST_TITLE} printable characters.",
        )
    return name.strip()


MOST_BYTES = 1 << 20  # a chain has some kilobytes; a device or a wrong file would never end
LONGEST_REASON, LONGEST_NAME = 1000, 200

Json = Annotated[bool, typer.Option("--json", help="Print JSON, errors too.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
By = Annotated[
    str | None,
    typer.Option("--by", metavar="WHO", help="Who asks, for the audit; by default USER@HOST."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.")]


@contextmanager
def opened() -> Iterator[tuple["Store", "Settings"]]:
    """The store of this home folder; a home that is quite new gets its database."""
    from storage.settings import Settings
    from storage.store import Store

    settings = Settings()
    is_new = settings.database_url is None and not (settings.home / "certroll.db").exists()
    with Store.open(settings, migrate=is_new) as store:
        yield store, settings


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """What the file holds, by default at most 1 MiB; BadInput that names it if it cannot be."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise BadInput(
            f"cannot be read: {error.strerror or type(error).__name__}",
            where=str(path),
            fix="Check the path and its permissions.",
        ) from None
    if len(data) > most:
        raise BadInput(
            f"has more than {most} bytes",
            where=str(path),
            fix="Give the file that was meant.",
        )
    return data


def secret_from(file: Path | None, variable: str) -> str | None:
    """A secret from a file (without the end of its line), else from the environment."""
    if file is None:
        return os.environ.get(variable)
    try:
        return read_file(file).decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise BadInput("is no text", where=str(file), fix="Give a file with one line.") from None


def can_ask() -> bool:
    """Whether a person is there to answer."""
    return sys.stdin.isatty()


def ask_secret(prompt: str) -> str:
    """Asks for a secret without showing it."""
    answer: str = typer.prompt(prompt, hide_input=True, err=True)
    return answer


def confirm(question: str, *, yes: bool) -> None:
    """Goes on only after a yes; BadInput where nobody can be asked and `--yes` was not given."""
    if yes:
        return
    if not can_ask():
        raise BadInput(
            "this wants a yes, and nobody can be asked here",
            where="--yes",
            fix="Add --yes if it is meant.",
        )
    if not typer.confirm(question, err=True):
        note("Nothing was changed.")
        raise Problem(Code.UNFORESEEN)


def who(by: str | None) -> str:
    """Who asks: as told, else USER@HOST."""
    if by is None:
        try:
            by = f"{getpass.getuser()}@{socket.gethostname()}"
        except (KeyError, OSError):
            by = f"user {os.getuid()}@{socket.gethostname()}"
    return _line(by, "--by", LONGEST_NAME)


def why(reason: str, option: str = "--reason") -> str:
    """The reason, if it is one."""
    return _line(reason, option, LONGEST_REASON)


def _line(text: str, where: str, longest: int) -> str:
    text = text.strip()
    if not text or len(text) > longest:
        raise BadInput(
            f"has {len(text)} characters", where=where, fix=f"Give 1 to {longest} of them."
        )
    return text
