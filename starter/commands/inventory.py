"""`certroll inventory`: walks the providers' listings, and shows what they told."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.commands._shared import Json, opened
from starter.exits import Code, Problem
from starter.output import metering, note, show_json, show_table, some

if TYPE_CHECKING:
    from activities.inventory import Synced
    from domain.record import InventoryItem
    from storage.store import Store

WALKS_AT_ONCE = 8

app = typer.Typer(no_args_is_help=True)

OneAccount = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Of this account only.")
]
OneService = Annotated[
    str | None, typer.Option("--service", metavar="SERVICE", help="For example alibaba.cdn.")
]


@app.command()
def sync(account: OneAccount = None, service: OneService = None, as_json: Json = False) -> None:
    """Lists all resources at the providers anew.

    What is gone is marked, not deleted. A service that fails is told at the end, with exit code 3;
    the others are synced all the same.
    """
    with opened() as (store, _):
        results = _sync_all(store, _walks(store, account, service), quiet=as_json)
    if as_json:
        show_json(results)
    else:
        show_table(
            ("ACCOUNT", "SERVICE", "RESOURCES", "NEWLY GONE", "RESULT"),
            [
                (r.account, r.service, str(r.seen), str(r.vanished), str(r.error or "fine"))
                for r in results
            ],
        )
    if failed := [result for result in results if result.error]:
        note(f"{len(failed)} of {len(results)} could not be listed to the end.")
        raise Problem(Code.CLOUD)


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
    gone: Annotated[bool, typer.Option("--gone", help="Also those that are gone.")] = False,
    as_json: Json = False,
) -> None:
    """Lists the resources as of the last sync.

    Some listings do not tell what a resource serves; `plan` reads it where it matters.
    """
    from starter.times import parse_day

    now = datetime.now(UTC)
    limit = None if expiring_before is None else parse_day(expiring_before, now)
    with opened() as (store, _):
        if account is not None:
            store.accounts.get(account)
        items = store.inventory.list(account, service, include_vanished=gone)
    chosen = [item for item in items if _is_wanted(item, limit, search)]
    if as_json:
        show_json([{"id": item.resource.id, **item.model_dump(mode="json")} for item in chosen])
        return
    show_table(
        ("RESOURCE", "DOMAINS", "SERVES", "EXPIRES", "STATE"),
        [_row(item) for item in chosen],
        empty="Nothing of that kind is known: certroll inventory sync",
    )


def _walks(store: "Store", account: str | None, service: str | None) -> list[tuple[str, str]]:
    """Account and service of each walk; those that serve nothing by themselves only if named."""
    import connectors
    from starter.commands.account import services

    if service is not None:
        connectors.load(service)
    accounts = store.accounts.list() if account is None else [store.accounts.get(account)]
    walks = [
        (each.name, found)
        for each in accounts
        for found in services(each.provider)
        if found == service or (service is None and connectors.load(found).scenarios)
    ]
    if not walks:
        what = f"no account has the service {service}" if accounts else "there is no account yet"
        raise BadInput(what, fix="Add one: certroll account add")
    return walks


def _sync_all(store: "Store", walks: Sequence[tuple[str, str]], *, quiet: bool) -> list["Synced"]:
    """All walks, some side by side: each keeps to the rate of its own service."""
    from concurrent.futures import ThreadPoolExecutor

    from activities.clouds import Clouds
    from activities.inventory import sync as walk

    clouds = Clouds(store)
    seen: dict[tuple[str, str], int] = {}
    with metering("resources", quiet=quiet) as meter, ThreadPoolExecutor(WALKS_AT_ONCE) as pool:

        def one(place: tuple[str, str]) -> "Synced":
            def progress(done: int, _: int | None) -> None:
                seen[place] = done
                meter(sum(seen.values()), None, place[1])

            return walk(store, clouds, *place, progress)

        return list(pool.map(one, walks))


def _is_wanted(item: "InventoryItem", limit: datetime | None, search: str | None) -> bool:
    expiry = item.binding.not_after if item.binding else None
    if limit is not None and (expiry is None or expiry >= limit):
        return False
    return search is None or search.lower() in _text(item)


def _text(item: "InventoryItem") -> str:
    binding = item.binding
    served = (binding.name, binding.fingerprint, *binding.names) if binding else ()
    return " ".join(filter(None, (item.resource.id, *item.resource.domains, *served))).lower()


def _row(item: "InventoryItem") -> tuple[str, ...]:
    from starter.times import shown

    binding = item.binding
    served = "HTTPS off" if item.binding_known else "not read yet"
    expires = ""
    if binding is not None:
        parts = (binding.fingerprint and binding.fingerprint[:12], binding.name)
        served = " ".join(filter(None, parts)) or "an unnamed certificate"
        expires = shown(binding.not_after) if binding.not_after else "not told"
    state = "gone" if item.vanished_at else item.resource.state
    return item.resource.id, some(item.resource.domains), served, expires, state
