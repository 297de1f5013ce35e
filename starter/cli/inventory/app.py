"""`certroll inventory`: walks the providers' listings, and shows what they told."""

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.inventory.sync import OneAccount, OneService, status, sync
from starter.cli.shared import Json, opened
from starter.cli.terminal.output import say_rest, show_json_list, show_table, shown_at_most, some

if TYPE_CHECKING:
    from domain.resources.inventory_item import InventoryItem

app = typer.Typer(no_args_is_help=True)

app.command()(sync)
app.command()(status)


@app.command("list")
def list_(
    account: OneAccount = None,
    service: OneService = None,
    expiring_before: Annotated[
        str | None,
        typer.Option(
            "--expiring-before", metavar="TIME", help='A date or time, or "in 30d"; where known.'
        ),
    ] = None,
    search: Annotated[
        str | None, typer.Option("--search", metavar="TEXT", help="In names and fingerprints.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="KEY=VALUE", help="Or KEY, with any value; all, if several."),
    ] = None,
    unmanaged: Annotated[
        bool, typer.Option("--unmanaged", help="Only fingerprints that no certificate of ours has.")
    ] = False,
    gone: Annotated[bool, typer.Option("--gone", help="Also those that are gone.")] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", metavar="N", min=1, help="At most so many; on a terminal 200, else all."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Lists the resources as of the last sync, by name.

    Some listings do not tell what a resource serves; `plan` reads it where it matters.
    """
    from starter.cli.terminal.times import parse_day
    from storage.inventory.queries import Asked

    now = datetime.now(UTC)
    asked = Asked(
        account=account,
        service=service,
        expiring_before=None if expiring_before is None else parse_day(expiring_before, now),
        search=search,
        tags=tuple(tag or ()),
        unmanaged=unmanaged,
        gone=gone,
    )
    with opened() as (store, _):
        if account is not None:
            store.accounts.get(account)
        if as_json:
            items = islice(store.inventory.each(asked), limit)
            show_json_list({"id": i.resource.id, **i.model_dump(mode="json")} for i in items)
            return
        rows, total = store.inventory.search(asked, shown_at_most(limit))
    show_table(
        ("RESOURCE", "DOMAINS", "SERVES", "EXPIRES", "STATE"),
        [_row(item) for item in rows],
        empty="Nothing of that kind is known: certroll inventory sync",
    )
    say_rest(len(rows), total)


def _row(item: "InventoryItem") -> tuple[str, ...]:
    from domain.resources.slots import SM_SLOT
    from starter.cli.terminal.times import shown

    binding = item.binding
    served = "HTTPS off" if item.binding_known else "not read yet"
    if item.resource.slot == SM_SLOT:
        served = "not known"  # no service tells it
    expires = ""
    if binding is not None:
        parts = (binding.fingerprint and binding.fingerprint[:12], binding.name)
        served = " ".join(filter(None, parts)) or "an unnamed certificate"
        expires = shown(binding.not_after) if binding.not_after else "not told"
    state = "gone" if item.vanished_at else item.resource.state
    return item.resource.id, some(item.resource.domains), served, expires, state
