"""`certroll hook`: the deploy hook that ACME clients call with a renewed certificate."""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer

from starter.cli.certificate.renewals import PolicyMode, Replaces
from starter.cli.hook.acme import CLIENTS, RenewedFiles
from starter.cli.hook.call import HookCall, save_certificate
from starter.cli.shared import By, Json, get_requester, open_store
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode

SPARE_SECONDS = 15  # the hook must end before the client kills it
LONGEST_WAIT = timedelta(minutes=30)


def hook(
    client: Annotated[
        Literal["certbot", "acme.sh", "lego"],
        typer.Argument(metavar="certbot|acme.sh|lego", help="The client that calls."),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Default: the client's name for the certificate."
        ),
    ] = None,
    replaces: Replaces = None,
    policy: PolicyMode = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait until the task ends; exit code 5 unless it has succeeded."
        ),
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="How long to wait, for example 90s. Default: 30m; for lego 105s (it waits 2m).",
        ),
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Imports a certificate that an ACME client has renewed, and applies its renewal policy.

    The certificate replaces the one of this name, else the one with the same names. The policy
    decides what happens to resources that serve the former one. With --wait, exit code 0 means
    that the task has succeeded; without it, only that a task is scheduled. Exit code 5 also means
    that an automatic renewal needs a person. Repeating a call completes what failed, and creates
    nothing twice.
    """
    files = CLIENTS[client](os.environ)
    longest = _parse_timeout(timeout, files)
    by = get_requester(by) if by else f"{client} hook of {get_requester(None)}"
    with open_store() as (store, settings):
        saved = save_certificate(
            store, files, files.name if name is None else name, replaces, policy
        )
        call = HookCall(store, settings, by, as_json=as_json)
        fine = call.run(saved, longest if wait else None)
    if not fine:
        raise CommandFailed(ExitCode.TASK)


def _parse_timeout(timeout: str | None, files: RenewedFiles) -> timedelta:
    from starter.cli.terminal.times import parse_time

    if timeout is not None:
        now = datetime.now(UTC)
        return parse_time(f"in {timeout}", now) - now
    if files.seconds is None:
        return LONGEST_WAIT
    return timedelta(seconds=files.seconds - SPARE_SECONDS)
