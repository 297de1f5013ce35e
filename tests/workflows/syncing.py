"""What the tests of syncs share: domains at the cloud, pages asked for, a sync and its results."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

import pytest
from temporalio.client import Client

from connectors.alibaba._bases import accelerated_domains
from domain.resources.inventory_sync import Synced, WalkRecord
from starter.requests import syncs
from starter.temporal.client import workers
from tests.support.house import ACCOUNT, SERVICE, House

CDN = (SERVICE,)
DCDN = "alibaba.dcdn"
PAGE = 2


def seeded(house: House, count: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """So many domains at the cloud, which lists two a page; nothing of them is known yet."""
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", PAGE)
    names = [f"n{number:03}.example.com" for number in range(count)]
    house.cloud.seed(
        "cdn", account=house.key_id, domains=[{"name": name, "certificate": None} for name in names]
    )
    return names


def pages(house: House) -> Counter[int]:
    """How often each page of the listing was asked for."""
    rows = house.cloud.requests(house.key_id)
    listings = [row for row in rows if row["headers"]["x-acs-action"] == "DescribeUserDomains"]
    return Counter(int(parse_qs(row["query"])["PageNumber"][0]) for row in listings)


def keys(house: House, *, vanished: bool = False) -> list[str]:
    """What the inventory knows."""
    items = house.store.inventory.list(include_vanished=True)
    return [each.resource.key for each in items if bool(each.vanished_at) is vanished]


def record(house: House, service: str = SERVICE) -> WalkRecord:
    """The newest walk."""
    (found,) = house.store.syncs.list(ACCOUNT, service)
    return found


@asynccontextmanager
async def working(house: House, client: Client) -> AsyncIterator[None]:
    """A worker that the server has seen."""
    async with house.working(client):
        await taking_work(client)
        yield


async def taking_work(client: Client) -> None:
    """Returns once the server has seen a worker."""
    while not await workers(client):
        await asyncio.sleep(0.02)


async def ended(house: House, running: syncs.Running) -> list[Synced]:
    """What it found, once it has ended."""
    async for _ in syncs.watch(house.store, running):
        pass
    return await syncs.results(house.store, running)


async def synced(
    house: House, client: Client, services: Sequence[str] | None = CDN
) -> list[Synced]:
    """A sync from its beginning to its end."""
    return await ended(house, await syncs.sync(client, house.store, ACCOUNT, services))


async def reached(house: House, seen: int) -> None:
    """Returns when the walk through the CDN has counted so many."""
    while not (found := house.store.syncs.list(ACCOUNT, SERVICE)) or found[0].seen < seen:
        await asyncio.sleep(0.005)
