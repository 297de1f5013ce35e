"""What windows and freezes share: the options that say which places they are for."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from domain.calendar.windows import Scope
    from storage.store import Store

Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", metavar="NAME", help="Only for this account; repeatable."),
]
Tags = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY[=VALUE]", help="Only for this tag; repeatable."),
]
Replace = Annotated[bool, typer.Option("--replace", help="In place of the one of this name.")]


def checked_scope(store: "Store", accounts: list[str] | None, tags: list[str] | None) -> "Scope":
    """The scope; BadInput for an account that there is none of."""
    from domain.calendar.parsing import scope_of

    for account in accounts or []:
        store.accounts.get(account)
    return scope_of(accounts or [], tags or [])
