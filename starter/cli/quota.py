"""`certroll quota`: the quota ledger, how many deployments are left."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from starter.cli.shared import Json, open_store
from starter.cli.terminal.output import say, show_json, show_table

app = typer.Typer(no_args_is_help=True)

MOST = 1_000_000_000


@app.command()
def show(as_json: Json = False) -> None:
    """Shows the balance and all entries of the quota ledger."""
    from starter.cli.terminal.times import format_second

    with open_store() as (store, _):
        balance, entries = store.quota.get_balance(), store.quota.list_entries()
    if as_json:
        show_json({"balance": balance, "entries": list(entries)})
        return
    rows = [(format_second(e.at), e.kind, str(e.amount), e.task_id or "", e.note) for e in entries]
    show_table(("AT", "KIND", "AMOUNT", "TASK", "NOTE"), rows, empty="No entries yet.")
    say(f"balance: {balance}")


@app.command()
def grant(
    amount: Annotated[
        int, typer.Argument(metavar="N", min=1, max=MOST, help="How many deployments to add.")
    ],
    text: Annotated[
        str,
        typer.Option(
            "--note", metavar="TEXT", help="A note for the ledger, such as the order number."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Adds deployments to the quota.

    Deploying an uploaded certificate costs one for each resource.
    """
    with open_store() as (store, _):
        store.quota.grant(amount, text, datetime.now(UTC))
        balance = store.quota.get_balance()
    if as_json:
        show_json({"granted": amount, "balance": balance})
    else:
        say(f"Granted {amount}, balance: {balance}.")
