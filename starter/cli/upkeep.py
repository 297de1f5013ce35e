"""`certroll database` and `certroll vault`: upkeep of what certroll stores."""

import typer

from starter.cli.shared import Json, open_store
from starter.cli.terminal.output import say, show_json

database = typer.Typer(no_args_is_help=True)
vault = typer.Typer(no_args_is_help=True)


@database.callback()
def _database() -> None:
    """The database schema."""


@database.command()
def migrate(as_json: Json = False) -> None:
    """Migrates the database schema to this version of certroll."""
    from storage.settings import Settings
    from storage.store import Store

    with Store.open(Settings(), migrate=True) as store:
        url = store.database.redacted_url
    if as_json:
        show_json({"database": url, "current": True})
    else:
        say(f"{url} is up to date.")


@vault.callback()
def _vault() -> None:
    """The key-encryption keys of the vault."""


@vault.command()
def rotate(as_json: Json = False) -> None:
    """Encrypts all stored secrets with the newest key-encryption key.

    Before: add a line ID:BASE64 at the top of the key file (CERTROLL_HOME/kek). BASE64 is the
    output of `openssl rand -base64 32`. Restart the workers, then run this command.
    After: remove the old lines from the key file.
    """
    with open_store() as (store, _):
        rotated = store.rotate_keys()
    if as_json:
        show_json({"rotated": rotated})
    else:
        say(f"{rotated} secrets were encrypted with the newest key.")
