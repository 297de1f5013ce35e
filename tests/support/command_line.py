"""Runs `certroll` in this process, or on a real terminal in a process of its own."""

import errno
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from starter.cli.main import app
from storage.settings import Settings
from storage.store import Store

Env = Mapping[str, str]


class CommandLine:
    """`certroll` with a home of its own."""

    def __init__(self, home: Path, env: Env | None = None) -> None:
        self.home = home
        self.env = {"CERTROLL_HOME": str(home), **(env or {})}

    def __call__(self, *words: str, code: int | None = 0, env: Env | None = None) -> Result:
        """The result of one command, which has to end with this exit code; None: with any."""
        result = CliRunner(env={**self.env, **(env or {})}).invoke(app, list(words))
        ended = result.exit_code
        assert code in (None, ended), (ended, result.output, result.exc_info)
        return result

    def json(self, *words: str, code: int | None = 0, env: Env | None = None) -> Any:
        """What a command printed with --json."""
        return json.loads(self(*words, "--json", code=code, env=env).stdout)

    def refusal(self, *words: str, code: int = 2, env: Env | None = None) -> str:
        """The one line with which a command is refused; it prints nothing else."""
        result = self(*words, code=code, env=env)
        assert result.stdout == ""
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("error: ").removesuffix("\n")

    def error(self, *words: str, code: int = 2, env: Env | None = None) -> dict[str, Any]:
        """The error of a command with --json: `what`, `where`, `fix`, `code`."""
        result = self(*words, "--json", code=code, env=env)
        return dict(json.loads(result.stderr.splitlines()[-1])["error"])

    def store(self) -> Store:
        """What lies in the home."""
        return Store.open(Settings(home=self.home))


def list_lines(text: str, label: str) -> list[str]:
    """Lists what follows this label, for each line that begins with it."""
    return [
        line.removeprefix(label).strip() for line in text.splitlines() if line.startswith(label)
    ]


def list_numbers(text: str) -> list[int]:
    """Lists the whole numbers in a text."""
    return [int(found) for found in re.findall(r"\d+", text)]


def run_on_terminal(
    home: Path, words: Sequence[str], *, answers: Sequence[str] = (), columns: int = 80
) -> tuple[int, str]:
    """Exit code and screen of a command on a terminal; each answer follows a ": " at its end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {**os.environ, "CERTROLL_HOME": str(home), "TERM": "xterm"}
    env.pop("COLUMNS", None)
    command = [sys.executable, "-m", "starter.cli", *words]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env) as child:
        os.close(theirs)
        screen, left = "", list(answers)
        while chunk := _read(ours):
            screen += chunk
            if left and screen.endswith(": "):
                os.write(ours, left.pop(0).encode() + b"\n")
    os.close(ours)
    return child.returncode, screen.replace("\r\n", "\n")


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 1 << 16).decode()
    except OSError as error:
        if error.errno == errno.EIO:  # how Linux says that the other side has closed
            return ""
        raise
