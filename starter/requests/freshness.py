"""Syncs what is too old in the inventory before a plan is made. Called by the CLI.

A failed sync is reported and never fatal.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.service import RPCError

import connectors
from domain.errors import CertrollError
from domain.resources.inventory_sync import ServiceSyncRecord
from starter.requests.syncs import RunningSync, start_or_join, watch
from starter.temporal.client import connect
from storage.settings import Settings
from storage.store import Store
from workflows.policies import CONNECT_SECONDS

ReportProblem = Callable[[str], None]
ShowProgress = Callable[[Sequence[ServiceSyncRecord]], None]


def format_age(passed: timedelta) -> str:
    """A duration in one unit: "90 min", "3 h", "5 days"."""
    minutes = max(0, int(passed.total_seconds() // 60))
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


async def sync_if_older(
    store: Store,
    settings: Settings,
    accounts: Collection[str],
    services: Collection[str],
    max_age: timedelta,
    report: ReportProblem,
    show: ShowProgress = lambda records: None,
) -> None:
    """Syncs services whose last complete sync is older than `max_age`, and waits for it.

    No accounts or no services mean all. `show` gets the progress repeatedly. `report` gets a line
    for what cannot be synced, with its age: Temporal or a worker is missing, or the provider
    refuses. A service that refused within `max_age` is not asked again.
    """
    now = datetime.now(UTC)
    old = [
        record
        for record in await asyncio.to_thread(store.syncs.list)
        if _is_requested(record, accounts, services) and _is_older(record, now - max_age)
    ]
    refused = [
        each for each in old if each.error and each.ended_at and each.ended_at > now - max_age
    ]
    for each in refused:
        if each.complete_at is not None:  # else nothing known of it could be too old
            known = _format_age(each, now)
            report(f"{_format_service(each)} could not be listed, {known}: {each.error}")
    if wanted := [each for each in old if each not in refused]:
        try:
            await _refresh(store, settings, wanted, report, show)
        except (CertrollError, RPCError, TimeoutError) as error:
            oldest = min(
                wanted, key=lambda each: each.complete_at or datetime.min.replace(tzinfo=UTC)
            )
            more = f" and {len(wanted) - 1} more services" if len(wanted) > 1 else ""
            services = f"{_format_service(oldest)}{more}"
            report(f"{services} not synced first, {_format_age(oldest, now)}: {error}")


async def _refresh(
    store: Store,
    settings: Settings,
    wanted: Sequence[ServiceSyncRecord],
    report: ReportProblem,
    show: ShowProgress,
) -> None:
    async with asyncio.timeout(CONNECT_SECONDS):
        client = await connect(settings)
    for account in dict.fromkeys(each.account for each in wanted):
        services = [each.service for each in wanted if each.account == account]
        for each in await _wait_for_syncs(
            store, await start_or_join(client, store, account, services), show
        ):
            if each.error is not None:
                known = _format_age(each, datetime.now(UTC))
                report(f"{_format_service(each)} could not be listed, {known}: {each.error}")


async def _wait_for_syncs(
    store: Store, running: RunningSync, show: ShowProgress
) -> list[ServiceSyncRecord]:
    """The syncs once each has ended, or fails and is being retried."""
    records: list[ServiceSyncRecord] = []
    async for records in watch(store, running):
        show(records)
        stuck = sum(1 for each in records if each.ended_at or each.error)
        if stuck == len(running.service_syncs):
            break
    return records


def _is_requested(
    record: ServiceSyncRecord, accounts: Collection[str], services: Collection[str]
) -> bool:
    is_requested = not accounts or record.account in accounts
    return is_requested and record.service in (services or connectors.list_services())


def _is_older(record: ServiceSyncRecord, limit: datetime) -> bool:
    return record.complete_at is None or record.complete_at < limit


def _format_service(record: ServiceSyncRecord) -> str:
    return f"{record.service} of {record.account}"


def _format_age(record: ServiceSyncRecord, now: datetime) -> str:
    if record.complete_at is None:
        return "it was never listed to its end"
    return f"what is known of it is {format_age(now - record.complete_at)} old"
