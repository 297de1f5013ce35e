"""`certroll up`: everything embedded, on loopback, until Ctrl-C."""

import signal
import threading
from typing import Annotated

import typer


def up(
    port: Annotated[int, typer.Option(help="Temporal's port; another if it is taken.")] = 7233,
    web_port: Annotated[int, typer.Option(help="The Web UI's port; likewise.")] = 8233,
) -> None:
    """Runs Temporal with its Web UI and a worker here, until Ctrl-C.

    State lies in CERTROLL_HOME: stopped or killed, the next `certroll up` goes on where this one
    ended.
    """
    from starter.temporal.embedded import Embedded, only_one
    from storage.settings import Settings

    settings = Settings()
    with only_one(settings.home):
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        here = Embedded(settings, port, web_port)
        try:
            here.start()
            typer.echo(f"home         {settings.home}")
            typer.echo(f"Temporal     {here.address}")
            typer.echo(f"Web UI       {here.web}")
            typer.echo("Ready. Other commands find it by themselves. Ctrl-C stops it.")
            while not stop.wait(1):
                if told := here.tend():
                    typer.echo(told, err=True)
        finally:
            here.stop()
        typer.echo("Stopped. Waiting tasks go on with the next `certroll up`.")
