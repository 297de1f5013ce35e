"""`certroll inventory sync` and `status`: walks begun or joined, watched live, and looked at."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.inventory.progress import Place, counted, until_walked
from starter.cli.shared import Json, opened
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import metering, note, say, show_json, show_table

if TYPE_CHECKING:
    from domain.resources.inventory_sync import Synced, WalkRecord
    from starter.requests.syncs import Running
    from storage.settings import Settings
    from storage.store import Store

WALKS_AT_ONCE = 8
PLACE = ("ACCOUNT", "SERVICE")
OTHERWISE = "Or walk in this process: certroll inventory sync --here"

OneAccount = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Of this account only.")
]
OneService = Annotated[
    str | None, typer.Option("--service", metavar="SERVICE", help="For example alibaba.cdn.")
]


def sync(
    account: OneAccount = None,
    service: OneService = None,
    here: Annotated[
        bool, typer.Option("--here", help="In this process, without Temporal and a worker.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Until it has ended, the default.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Lists all resources at the providers anew, and reads what they serve where no listing tells.

    One sync of an account runs at a time: one that runs already, begun by hand or on schedule, is
    joined. Killed or stopped, it goes on at the page where it was; Ctrl-C ends only the waiting.

    What is gone is marked, not deleted. A service that fails is told at the end, with exit code 3;
    the others are synced all the same.
    """
    with opened() as (store, settings):
        places = _places(store, account, service)
        if here:
            found = _sync_here(store, places, quiet=as_json)
        else:
            chosen = None if service is None else [service]
            accounts = list(dict.fromkeys(name for name, _ in places))
            found = asyncio.run(
                _sync(store, settings, accounts, chosen, wait=wait, as_json=as_json)
            )
    if wait or here:
        _show(found, as_json=as_json)


def status(account: OneAccount = None, service: OneService = None, as_json: Json = False) -> None:
    """Shows the last walk through each service: when, what it found, and how old that is.

    So old is the inventory: a walk that failed, or that is under way, has not seen everything.
    """
    with opened() as (store, _):
        if account is not None:
            store.accounts.get(account)
        records = store.syncs.list(account, service)
    if as_json:
        show_json(records)
        return
    now = datetime.now(UTC)
    show_table(
        (*PLACE, "BEGUN", "RESOURCES", "BINDINGS READ", "NEWLY GONE", "RESULT", "KNOWN AS OF"),
        [_row(record, now) for record in records],
        empty="Nothing was walked yet: certroll inventory sync",
    )


async def _sync(
    store: "Store",
    settings: "Settings",
    accounts: Sequence[str],
    services: Sequence[str] | None,
    *,
    wait: bool,
    as_json: bool,
) -> list["Synced"]:
    """Starts or joins the sync of each account, and watches them together."""
    from starter.requests.syncs import sync as begin
    from starter.temporal.client import EngineUnreachable, connect

    try:
        client = await connect(settings)
        running = [await begin(client, store, account, services) for account in accounts]
    except EngineUnreachable as error:
        raise error.but(OTHERWISE) from None
    if not wait:
        _tell_begun(running, as_json=as_json)
        return []
    return await until_walked(store, running, quiet=as_json)


def _tell_begun(running: Sequence["Running"], *, as_json: bool) -> None:
    if as_json:
        show_json([{"account": each.account, "workflow_id": each.handle.id} for each in running])
        return
    for each in running:
        say(f"Syncs {each.account}, {len(each.walks)} services: certroll inventory status")


def _places(store: "Store", account: str | None, service: str | None) -> list[Place]:
    """Account and service of each walk; those that serve nothing by themselves only if named."""
    import connectors
    from activities.inventory_sync import services

    if service is not None:
        connectors.load(service)
    accounts = store.accounts.list() if account is None else [store.accounts.get(account)]
    places = [
        (each.name, found)
        for each in accounts
        for found in (services(each.provider) if service is None else [service])
        if found.partition(".")[0] == each.provider
    ]
    if not places:
        what = f"no account has the service {service}" if accounts else "there is no account yet"
        raise BadInput(what, fix="Add one: certroll account add")
    return places


def _sync_here(store: "Store", places: Sequence[Place], *, quiet: bool) -> list["Synced"]:
    """All walks, some side by side: each keeps to the rate of its own service."""
    from concurrent.futures import ThreadPoolExecutor

    from activities.inventory_sync import sync as walk
    from operations.runtime.connector_pool import Clouds

    clouds = Clouds(store)
    walked: dict[Place, WalkRecord] = {}
    with metering("resources", quiet=quiet) as meter, ThreadPoolExecutor(WALKS_AT_ONCE) as pool:

        def one(place: Place) -> "Synced":
            def told(record: "WalkRecord") -> None:
                walked[place] = record
                meter(*counted(list(walked.values())))

            return walk(store, clouds, *place, told)

        return list(pool.map(one, places))


def _show(found: Sequence["Synced"], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        show_table(
            (*PLACE, "RESOURCES", "BINDINGS READ", "NEWLY GONE", "RESULT"),
            [
                (
                    each.account,
                    each.service,
                    str(each.seen),
                    _read(each),
                    str(each.vanished),
                    str(each.error or "fine"),
                )
                for each in found
            ],
        )
    if failed := [each for each in found if each.error]:
        note(f"{len(failed)} of {len(found)} could not be listed, or read, to the end.")
        raise Problem(Code.CLOUD)


def _row(record: "WalkRecord", now: datetime) -> tuple[str, ...]:
    from starter.cli.terminal.times import shown
    from starter.requests.freshness import age

    count = str(record.seen)
    if record.ended_at is None and record.total is not None:
        count = f"{record.seen} of {record.total}"
    known = "never" if record.complete_at is None else f"{age(now - record.complete_at)} ago"
    return (
        record.account,
        record.service,
        shown(record.began_at),
        count,
        _read(record),
        str(record.vanished),
        _result(record),
        known,
    )


def _read(walk: "Synced | WalkRecord") -> str:
    """Of the bindings that no listing tells, how many were read; empty where there are none."""
    return f"{walk.were_read} of {walk.to_read}" if walk.to_read else ""


def _result(record: "WalkRecord") -> str:
    if record.ended_at is None:
        return "under way" if record.error is None else f"tries again after {record.error}"
    return str(record.error or "fine")
