"""`certroll demo`: the whole thread against a practice cloud, in a folder of its own."""

from typing import Annotated

import typer


def demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything up afterwards, until Ctrl-C.")
    ] = False,
) -> None:
    """Shows upload, plan, deployment and rollback on a practice cloud; touches nothing of yours."""
    from starter.demo.demo import run

    run(keep)
