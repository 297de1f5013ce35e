"""`certroll quota`: the ledger of deployments that may still be spent."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from starter.cli.shared import Json, opened
from starter.cli.terminal.output import say, show_json, show_table

app = typer.Typer(no_args_is_help=True)

MOST = 1_000_000_000


@app.command()
def show(as_json: Json = False) -> None:
    """Shows the balance and every entry of the ledger."""
    from starter.cli.terminal.times import logged

    with opened() as (store, _):
        balance, entries = store.quota.balance(), store.quota.entries()
    if as_json:
        show_json({"balance": balance, "entries": list(entries)})
        return
    rows = [(logged(e.at), e.kind, str(e.amount), e.task_id or "", e.note) for e in entries]
    show_table(("AT", "KIND", "AMOUNT", "TASK", "NOTE"), rows, empty="No entries yet.")
    say(f"balance: {balance}")


@app.command()
def grant(
    amount: Annotated[int, typer.Argument(metavar="N", min=1, max=MOST, help="Deployments.")],
    text: Annotated[str, typer.Option("--note", metavar="TEXT", help="What for.")] = "",
    as_json: Json = False,
) -> None:
    """Adds deployments. A certificate that was uploaded costs one for each resource."""
    with opened() as (store, _):
        store.quota.grant(amount, text, datetime.now(UTC))
        balance = store.quota.balance()
    if as_json:
        show_json({"granted": amount, "balance": balance})
    else:
        say(f"Granted {amount}, balance: {balance}.")
