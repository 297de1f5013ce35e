"""`certroll up`, `certroll demo` and `certroll sandbox`: everything that runs on this machine."""

import os
import signal
import sys
import threading
from typing import Annotated, Any

import typer

PASS_THROUGH: dict[str, Any] = {
    "ignore_unknown_options": True,
    "allow_extra_args": True,
    "help_option_names": [],
}
"""`certroll sandbox` hands all its options to `python -m sandbox`."""


def up(
    port: Annotated[
        int, typer.Option(help="Temporal's port. If it is taken, another free port is used.")
    ] = 7233,
    web_port: Annotated[
        int, typer.Option(help="The Web UI's port. If it is taken, another free port is used.")
    ] = 8233,
) -> None:
    """Runs Temporal, its Web UI and a worker on this machine, until Ctrl-C.

    State is kept in CERTROLL_HOME. After a stop or a kill, the next `certroll up` continues where
    this one ended.
    """
    from starter.temporal.embedded import Embedded, lock_home
    from storage.settings import Settings

    settings = Settings()
    with lock_home(settings.home):
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        here = Embedded(settings, port, web_port)
        try:
            here.start()
            typer.echo(f"home         {settings.home}")
            typer.echo(f"Temporal     {here.address}")
            typer.echo(f"Web UI       {here.web}")
            typer.echo("Ready. Other certroll commands use it automatically. Ctrl-C stops it.")
            while not stop.wait(1):
                if message := here.restart_ended():
                    typer.echo(message, err=True)
        finally:
            here.stop()
        typer.echo("Stopped. Waiting tasks continue with the next `certroll up`.")


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running afterwards, until Ctrl-C.")
    ] = False,
) -> None:
    """Shows upload, plan, deployment and rollback on a practice cloud.

    It uses a temporary home. It does not touch your data or your accounts.
    """
    from starter.demo.demo import run

    run(keep)


def sandbox(context: typer.Context) -> None:
    """Runs a practice cloud on loopback until Ctrl-C.

    `certroll sandbox --help` lists its options. It speaks the provider's wire format and serves
    TLS. Its first line of output is one JSON object: where it listens, and the account to use.
    """
    sys.stdout.flush()
    # It replaces this process, so that every signal reaches it and no child is left behind.
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *context.args])  # noqa: S606
