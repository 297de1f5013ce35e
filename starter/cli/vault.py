"""`certroll vault`: the keys that seal private keys and secrets."""

import typer

from starter.cli.shared import Json, opened
from starter.cli.terminal.output import say, show_json

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _vault() -> None:
    """The keys that seal private keys and secrets."""


@app.command()
def rotate(as_json: Json = False) -> None:
    """Brings all secrets under the current key.

    First put a new line ID:BASE64 in front of the others in the key file (CERTROLL_HOME/kek),
    where BASE64 is what `openssl rand -base64 32` prints. Restart the workers, then run this, and
    take the former lines away.
    """
    with opened() as (store, _):
        moved = store.rotate_keys()
    if as_json:
        show_json({"moved": moved})
    else:
        say(f"{moved} secrets were brought under the current key.")
