"""`certroll inventory`: syncs and lists all resources that can serve certificates."""

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from starter.cli.inventory.sync import OneAccount, OneService, status, sync
from starter.cli.shared import Json, open_store
from starter.cli.terminal.output import (
    get_row_limit,
    join_names,
    say_omitted,
    show_json_list,
    show_table,
)

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
            "--expiring-before",
            metavar="TIME",
            help='Only certificates that expire before this time, for example "in 30d".',
        ),
    ] = None,
    search: Annotated[
        str | None,
        typer.Option(
            "--search",
            metavar="TEXT",
            help="Only resources with this text in a name or a fingerprint.",
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="KEY=VALUE",
            help="Only resources with this tag (KEY alone: any value); repeatable, all must match.",
        ),
    ] = None,
    unmanaged: Annotated[
        bool,
        typer.Option("--unmanaged", help="Only resources whose certificate is not in the vault."),
    ] = False,
    gone: Annotated[
        bool, typer.Option("--gone", help="Also resources that no longer exist.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="At most this many rows. Default: 200 on a terminal, else all.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Lists all resources as of the last sync, by name.

    Some provider listings do not include the certificate; `plan create` reads it when needed.
    """
    from starter.cli.terminal.times import parse_day
    from storage.inventory.queries import InventoryQuery

    now = datetime.now(UTC)
    query = InventoryQuery(
        account=account,
        service=service,
        expiring_before=None if expiring_before is None else parse_day(expiring_before, now),
        search=search,
        tags=tuple(tag or ()),
        unmanaged=unmanaged,
        gone=gone,
    )
    with open_store() as (store, _):
        if account is not None:
            store.accounts.get(account)
        if as_json:
            items = islice(store.inventory.iterate(query), limit)
            show_json_list({"id": i.resource.id, **i.model_dump(mode="json")} for i in items)
            return
        rows, total = store.inventory.search(query, get_row_limit(limit))
    show_table(
        ("RESOURCE", "DOMAINS", "SERVES", "EXPIRES", "STATE"),
        [_build_row(item) for item in rows],
        empty="No such resource is known: certroll inventory sync",
    )
    say_omitted(len(rows), total)


def _build_row(item: "InventoryItem") -> tuple[str, ...]:
    from domain.resources.slots import SM_SLOT
    from starter.cli.terminal.times import format_minute

    binding = item.binding
    served = "HTTPS off" if item.binding_known else "not read yet"
    if item.resource.slot == SM_SLOT:
        served = "not known"  # no service reports the SM2 slot
    expires = ""
    if binding is not None:
        parts = (binding.fingerprint and binding.fingerprint[:12], binding.name)
        served = " ".join(filter(None, parts)) or "an unnamed certificate"
        expires = format_minute(binding.not_after) if binding.not_after else "unknown"
    state = "gone" if item.vanished_at else item.resource.state
    return item.resource.id, join_names(item.resource.domains), served, expires, state
