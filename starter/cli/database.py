"""`certroll database`: the schema."""

import typer

from starter.cli.shared import Json
from starter.cli.terminal.output import say, show_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _database() -> None:
    """The database's schema."""


@app.command()
def migrate(as_json: Json = False) -> None:
    """Brings the schema up to this version of certroll."""
    from storage.settings import Settings
    from storage.store import Store

    with Store.open(Settings(), migrate=True) as store:
        where = store.database.redacted_url
    if as_json:
        show_json({"database": where, "current": True})
    else:
        say(f"{where} is up to date.")
