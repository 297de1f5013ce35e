"""`certroll sandbox`: the practice cloud, in the foreground."""

import os
import sys
from typing import Any

import typer

PASS_THROUGH: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}


def sandbox(context: typer.Context) -> None:
    """Runs a practice cloud on loopback until Ctrl-C; `certroll sandbox --help` has its options.

    It speaks the provider's wire format and serves TLS. Its first line, one JSON object, tells
    where it listens and which account it knows.
    """
    sys.stdout.flush()
    # It takes this process's place, so that every signal reaches it and none is left behind.
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *context.args])  # noqa: S606
