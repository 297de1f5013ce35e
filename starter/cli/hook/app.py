"""`certroll hook`: what an ACME client calls with a renewed certificate."""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import typer

from starter.cli.certificate.renewals import PolicyMode, Replaces
from starter.cli.hook.acme import CLIENTS, Handed
from starter.cli.hook.call import Call, taken
from starter.cli.shared import By, Json, opened, who
from starter.cli.terminal.exit_codes import Code, Problem

SPARE_SECONDS = 15  # to end before a client would kill the hook
LONGEST_WAIT = timedelta(minutes=30)


def hook(
    client: Annotated[
        Literal["certbot", "acme.sh", "lego"],
        typer.Argument(metavar="certbot|acme.sh|lego", help="Which client calls."),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="By default what the client calls it."),
    ] = None,
    replaces: Replaces = None,
    policy: PolicyMode = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until its task ends; code 5 unless it has succeeded.")
    ] = False,
    timeout: Annotated[
        str | None,
        typer.Option(
            "--timeout",
            metavar="TIME",
            help="How long to wait, as 90s; by default 30m, for lego, which waits 2m itself, 105s.",
        ),
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Takes over a certificate that an ACME client has renewed, as the client's hook.

    It is stored as the successor of the one of this name (or else the one with the same names),
    and its policy says what becomes of the resources that serve that one. Only with --wait does
    code 0 mean that a task has succeeded: without, a task is scheduled, and so it says. Code 5
    means as well that an automatic renewal left something to a person. The same call again
    finishes what could not be done, and makes nothing twice.
    """
    handed = CLIENTS[client](os.environ)
    longest = _longest(timeout, handed)
    by = who(by) if by else f"{client} hook of {who(None)}"
    with opened() as (store, settings):
        kept = taken(store, handed, handed.name if name is None else name, replaces, policy)
        call = Call(store, settings, by, as_json=as_json)
        fine = call.run(kept, longest if wait else None)
    if not fine:
        raise Problem(Code.TASK)


def _longest(timeout: str | None, handed: Handed) -> timedelta:
    from starter.cli.terminal.times import parse_time

    if timeout is not None:
        now = datetime.now(UTC)
        return parse_time(f"in {timeout}", now) - now
    if handed.seconds is None:
        return LONGEST_WAIT
    return timedelta(seconds=handed.seconds - SPARE_SECONDS)
