"""Options for the scope of a window or a freeze. Called by `certroll window` and `freeze`."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from domain.calendar.windows import CalendarScope
    from storage.store import Store

Accounts = Annotated[
    list[str] | None,
    typer.Option(
        "--account", metavar="NAME", help="Only for resources of this account; repeatable."
    ),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", metavar="KEY[=VALUE]", help="Only for resources with this tag; repeatable."
    ),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace the existing one of this name.")]


def parse_scope(
    store: "Store", accounts: list[str] | None, tags: list[str] | None
) -> "CalendarScope":
    """Builds the scope. Raises BadInput for an unknown account."""
    from domain.calendar.parsing import build_scope

    for account in accounts or []:
        store.accounts.get(account)
    return build_scope(accounts or [], tags or [])
