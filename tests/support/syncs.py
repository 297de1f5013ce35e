"""Helpers for tests of syncs: domains, pages read, workers, results."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest
from temporalio.client import Client

from connectors.alibaba._bases import accelerated_domains
from domain.resources.inventory_sync import ServiceSyncRecord, ServiceSyncResult
from starter.requests import syncs
from starter.temporal.client import count_workers
from tests.support.stack import ACCOUNT, SERVICE, Stack

CDN = (SERVICE,)
DCDN = "alibaba.dcdn"
PAGE = 2


def seed_pages(stack: Stack, count: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Adds domains to the cloud, which lists two per page; the inventory has none of them."""
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", PAGE)
    names = [f"n{number:03}.example.com" for number in range(count)]
    stack.cloud.seed(
        "cdn", account=stack.key_id, domains=[{"name": name, "certificate": None} for name in names]
    )
    return names


def count_page_reads(stack: Stack) -> Counter[int]:
    """How often each page of the listing was read."""
    rows = stack.cloud.list_requests(stack.key_id)
    listings = [row for row in rows if row["headers"]["x-acs-action"] == "DescribeUserDomains"]
    return Counter(int(parse_qs(row["query"])["PageNumber"][0]) for row in listings)


def list_keys(stack: Stack, *, vanished: bool = False) -> list[str]:
    """The resource keys in the inventory."""
    items = stack.store.inventory.list(include_vanished=True)
    return [each.resource.key for each in items if bool(each.vanished_at) is vanished]


def get_sync_record(stack: Stack, service: str = SERVICE) -> ServiceSyncRecord:
    """The newest sync of the service."""
    (found,) = stack.store.syncs.list(ACCOUNT, service)
    return found


@asynccontextmanager
async def run_worker(stack: Stack, client: Client) -> AsyncIterator[None]:
    """Runs a worker that the server has seen."""
    async with stack.run_worker(client):
        await wait_for_worker(client)
        yield


async def wait_for_worker(client: Client) -> None:
    """Returns once the server has seen a worker."""
    while not await count_workers(client):
        await asyncio.sleep(0.02)


async def wait_ended(stack: Stack, running: syncs.RunningSync) -> list[ServiceSyncResult]:
    """The results of the sync, once it has ended."""
    async for _ in syncs.watch(stack.store, running):
        pass
    return await syncs.read_results(stack.store, running)


async def wait_synced(
    stack: Stack, client: Client, services: Sequence[str] | None = CDN
) -> list[ServiceSyncResult]:
    """Runs a sync to its end."""
    return await wait_ended(
        stack, await syncs.start_or_join(client, stack.store, ACCOUNT, services)
    )


async def wait_seen(stack: Stack, seen: int) -> None:
    """Returns once the sync of the CDN has seen so many resources."""
    while not (found := stack.store.syncs.list(ACCOUNT, SERVICE)) or found[0].seen < seen:
        await asyncio.sleep(0.005)
