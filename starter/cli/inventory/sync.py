"""`certroll inventory sync` and `status`: starts or joins syncs, shows their progress and state."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from starter.cli.inventory.progress import SyncKey, summarize_progress, wait_until_synced
from starter.cli.shared import Json, open_store
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, say, show_json, show_progress, show_table

if TYPE_CHECKING:
    from domain.resources.inventory_sync import ServiceSyncRecord, ServiceSyncResult
    from starter.requests.syncs import RunningSync
    from storage.settings import Settings
    from storage.store import Store

MAX_PARALLEL_SYNCS = 8
KEY_COLUMNS = ("ACCOUNT", "SERVICE")
ALTERNATIVE = "Or sync in this process: certroll inventory sync --here"

OneAccount = Annotated[
    str | None, typer.Option("--account", metavar="NAME", help="Only this account.")
]
OneService = Annotated[
    str | None,
    typer.Option(
        "--service", metavar="SERVICE", help="Only this service, for example alibaba.cdn."
    ),
]


def sync(
    account: OneAccount = None,
    service: OneService = None,
    here: Annotated[
        bool, typer.Option("--here", help="Run in this process, without Temporal and a worker.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Whether to wait until it has ended. Default: wait."),
    ] = True,
    as_json: Json = False,
) -> None:
    """Refreshes the inventory: lists all resources at the providers and reads what they serve.

    Only one sync of an account runs at a time; a running one is joined. A sync that is interrupted
    continues where it was. Ctrl-C ends only the waiting.

    Resources that are gone are marked, not deleted. If a service fails, the others are synced
    nevertheless, and the exit code is 3.
    """
    with open_store() as (store, settings):
        keys = _list_services(store, account, service)
        if here:
            found = _sync_here(store, keys, quiet=as_json)
        else:
            chosen = None if service is None else [service]
            accounts = list(dict.fromkeys(name for name, _ in keys))
            found = asyncio.run(
                _sync(store, settings, accounts, chosen, wait=wait, as_json=as_json)
            )
    if wait or here:
        _show(found, as_json=as_json)


def status(account: OneAccount = None, service: OneService = None, as_json: Json = False) -> None:
    """Shows the last sync of each service: when it ran, what it found, and how old the data is.

    CURRENT AS OF is the last complete sync: a failed or running one has not seen everything.
    """
    with open_store() as (store, _):
        if account is not None:
            store.accounts.get(account)
        records = store.syncs.list(account, service)
    if as_json:
        show_json(records)
        return
    now = datetime.now(UTC)
    show_table(
        (
            *KEY_COLUMNS,
            "STARTED",
            "RESOURCES",
            "BINDINGS READ",
            "NEWLY GONE",
            "RESULT",
            "CURRENT AS OF",
        ),
        [_build_row(record, now) for record in records],
        empty="No sync yet: certroll inventory sync",
    )


async def _sync(
    store: "Store",
    settings: "Settings",
    accounts: Sequence[str],
    services: Sequence[str] | None,
    *,
    wait: bool,
    as_json: bool,
) -> list["ServiceSyncResult"]:
    """Starts or joins the sync of each account, and watches them together."""
    from starter.requests.syncs import start_or_join as begin
    from starter.temporal.client import EngineUnreachable, connect

    try:
        client = await connect(settings)
        running = [await begin(client, store, account, services) for account in accounts]
    except EngineUnreachable as error:
        raise error.with_alternative(ALTERNATIVE) from None
    if not wait:
        _show_started(running, as_json=as_json)
        return []
    return await wait_until_synced(store, running, quiet=as_json)


def _show_started(running: Sequence["RunningSync"], *, as_json: bool) -> None:
    if as_json:
        show_json([{"account": each.account, "workflow_id": each.handle.id} for each in running])
        return
    for each in running:
        say(
            f"Sync of {each.account} started, {len(each.service_syncs)} services: "
            "certroll inventory status"
        )


def _list_services(store: "Store", account: str | None, service: str | None) -> list[SyncKey]:
    """Lists account and service of each sync; helper services only if they are named."""
    import connectors
    from operations.inventory.service_sync import list_services

    if service is not None:
        connectors.load_connector(service)
    accounts = store.accounts.list() if account is None else [store.accounts.get(account)]
    keys = [
        (each.name, found)
        for each in accounts
        for found in (list_services(each.provider) if service is None else [service])
        if found.partition(".")[0] == each.provider
    ]
    if not keys:
        what = f"no account has the service {service}" if accounts else "there is no account yet"
        raise BadInput(what, fix="Add one: certroll account add", code="no-account")
    return keys


def _sync_here(
    store: "Store", keys: Sequence[SyncKey], *, quiet: bool
) -> list["ServiceSyncResult"]:
    """Runs all syncs in this process, some in parallel; each keeps to its own rate limit."""
    from concurrent.futures import ThreadPoolExecutor

    from operations.inventory.service_sync import sync_here as sync_service
    from operations.runtime.connector_pool import ConnectorPool

    clouds = ConnectorPool(store)
    records: dict[SyncKey, ServiceSyncRecord] = {}
    with (
        show_progress("resources", quiet=quiet) as meter,
        ThreadPoolExecutor(MAX_PARALLEL_SYNCS) as pool,
    ):

        def one(key: SyncKey) -> "ServiceSyncResult":
            def show(record: "ServiceSyncRecord") -> None:
                records[key] = record
                meter(*summarize_progress(list(records.values())))

            return sync_service(store, clouds, *key, show)

        return list(pool.map(one, keys))


def _show(found: Sequence["ServiceSyncResult"], *, as_json: bool) -> None:
    if as_json:
        show_json(found)
    else:
        show_table(
            (*KEY_COLUMNS, "RESOURCES", "BINDINGS READ", "NEWLY GONE", "RESULT"),
            [
                (
                    each.account,
                    each.service,
                    str(each.seen),
                    _format_bindings_read(each),
                    str(each.vanished),
                    str(each.error or "complete"),
                )
                for each in found
            ],
        )
    if failed := [each for each in found if each.error]:
        note(f"{len(failed)} of {len(found)} services could not be synced completely.")
        raise CommandFailed(ExitCode.CLOUD)


def _build_row(record: "ServiceSyncRecord", now: datetime) -> tuple[str, ...]:
    from starter.cli.terminal.times import format_minute
    from starter.requests.freshness import format_age

    count = str(record.seen)
    if record.ended_at is None and record.total is not None:
        count = f"{record.seen} of {record.total}"
    known = "never" if record.complete_at is None else f"{format_age(now - record.complete_at)} ago"
    return (
        record.account,
        record.service,
        format_minute(record.began_at),
        count,
        _format_bindings_read(record),
        str(record.vanished),
        _format_result(record),
        known,
    )


def _format_bindings_read(result: "ServiceSyncResult | ServiceSyncRecord") -> str:
    """Formats how many separate bindings were read; empty where a listing includes them."""
    return f"{result.were_read} of {result.to_read}" if result.to_read else ""


def _format_result(record: "ServiceSyncRecord") -> str:
    if record.ended_at is None:
        return "running" if record.error is None else f"retrying after {record.error}"
    return str(record.error or "complete")
