"""How old the inventory is, and syncing what is too old for a plan: told, never fatal."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.service import RPCError

import connectors
from domain.errors import CertrollError
from domain.resources.inventory_sync import WalkRecord
from starter.requests.syncs import Running, sync, watch
from starter.temporal.client import connect
from storage.settings import Settings
from storage.store import Store

Tell = Callable[[str], None]
Show = Callable[[Sequence[WalkRecord]], None]

LONGEST_CONNECT = 10.0


def age(passed: timedelta) -> str:
    """So long, in one unit that is short to read: "90 min", "3 h", "5 days"."""
    minutes = max(0, int(passed.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


async def refresh_if_older(
    store: Store,
    settings: Settings,
    accounts: Collection[str],
    services: Collection[str],
    max_age: timedelta,
    tell: Tell,
    show: Show = lambda records: None,
) -> None:
    """Syncs what was walked before, but not within `max_age`; no accounts or services are all.

    Waits for it, `show` being given the walks again and again. What cannot be synced is told with
    its age: Temporal or a worker is missing, or the provider refuses. One that has refused within
    `max_age` is not asked again.
    """
    now = datetime.now(UTC)
    old = [
        record
        for record in await asyncio.to_thread(store.syncs.list)
        if _is_meant(record, accounts, services) and _is_older(record, now - max_age)
    ]
    refused = [
        each for each in old if each.error and each.ended_at and each.ended_at > now - max_age
    ]
    for each in refused:
        if each.complete_at is not None:  # else nothing is known of it that could be too old
            tell(f"{_place(each)} could not be listed, {_known(each, now)}: {each.error}")
    if wanted := [each for each in old if each not in refused]:
        try:
            await _refresh(store, settings, wanted, tell, show)
        except (CertrollError, RPCError, TimeoutError) as error:
            oldest = min(
                wanted, key=lambda each: each.complete_at or datetime.min.replace(tzinfo=UTC)
            )
            more = f" and {len(wanted) - 1} more services" if len(wanted) > 1 else ""
            tell(f"{_place(oldest)}{more} not synced first, {_known(oldest, now)}: {error}")


async def _refresh(
    store: Store, settings: Settings, wanted: Sequence[WalkRecord], tell: Tell, show: Show
) -> None:
    async with asyncio.timeout(LONGEST_CONNECT):
        client = await connect(settings)
    for account in dict.fromkeys(each.account for each in wanted):
        services = [each.service for each in wanted if each.account == account]
        for each in await _walked(store, await sync(client, store, account, services), show):
            if each.error is not None:
                known = _known(each, datetime.now(UTC))
                tell(f"{_place(each)} could not be listed, {known}: {each.error}")


async def _walked(store: Store, running: Running, show: Show) -> list[WalkRecord]:
    """The walks once they have ended, or only those are left that fail and are tried again."""
    begun: list[WalkRecord] = []
    async for begun in watch(store, running):
        show(begun)
        stuck = sum(1 for each in begun if each.ended_at or each.error)
        if stuck == len(running.walks):
            break
    return begun


def _is_meant(record: WalkRecord, accounts: Collection[str], services: Collection[str]) -> bool:
    meant = not accounts or record.account in accounts
    return meant and record.service in (services or connectors.names())


def _is_older(record: WalkRecord, limit: datetime) -> bool:
    return record.complete_at is None or record.complete_at < limit


def _place(record: WalkRecord) -> str:
    return f"{record.service} of {record.account}"


def _known(record: WalkRecord, now: datetime) -> str:
    if record.complete_at is None:
        return "it was never listed to its end"
    return f"what is known of it is {age(now - record.complete_at)} old"
