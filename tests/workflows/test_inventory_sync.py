"""A sync on the real engine: stopped and resumed, joined, and not held up by one that fails."""

from datetime import UTC, datetime, timedelta
from random import SystemRandom

import pytest
from temporalio.client import Client, WorkflowFailureError

from domain.errors import BadInput
from domain.resources.inventory_sync import Synced, SyncInput, WalkState, workflow_id
from domain.resources.resource import Found, Resource
from starter.requests import syncs
from starter.temporal import client as starter_engine
from starter.temporal.client import NoWorker
from tests.support.house import ACCOUNT, SERVICE, House
from tests.workflows.syncing import (
    CDN,
    DCDN,
    ended,
    keys,
    pages,
    reached,
    record,
    seeded,
    synced,
    working,
)
from workflows.inventory_sync import InventorySync, InventorySyncOnSchedule

STOPS = 10
OSS = "alibaba.oss"
LIST, LIST_DCDN = "DescribeUserDomains", "DescribeDcdnUserDomains"


async def test_a_sync_walks_every_service_and_tells_its_progress(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = seeded(house, 5, monkeypatch)
    async with working(house, engine):
        running = await syncs.sync(engine, house.store, ACCOUNT)
        found = {each.service: each for each in await ended(house, running)}
        progress = await running.handle.query(InventorySync.progress)
        assert await running.handle.result() == list(found.values())
    assert keys(house) == names
    assert found[SERVICE].seen == 5
    assert {each.error for each in found.values()} == {None}
    assert len(found) > 10
    assert "alibaba.cas" not in found, "it serves nothing by itself"
    assert {each.state for each in progress.services} == {WalkState.ENDED}
    walked = record(house)
    assert (walked.seen, walked.total, walked.error) == (5, 5, None)
    assert walked.complete_at == walked.began_at


async def test_a_worker_stopped_at_ten_points_walks_each_page_once(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = seeded(house, 61, monkeypatch)
    house.cloud.latency(10)
    stops = sorted(SystemRandom().sample(range(1, 60), STOPS))
    told = f"stopped at {stops}"
    async with working(house, engine):
        running = await syncs.sync(engine, house.store, ACCOUNT, CDN)
        await reached(house, stops[0])
    began = record(house).began_at
    for stop in stops[1:]:
        async with house.working(engine):
            await reached(house, stop)
    async with house.working(engine):
        (found,) = await ended(house, running)
    assert (found.seen, found.error) == (61, None), told
    assert keys(house) == names, told
    assert pages(house) == dict.fromkeys(range(1, 32), 1), told
    assert record(house).began_at == began, told


async def test_what_vanished_is_marked_and_comes_back_over_a_stop(
    any_house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = any_house
    resource = Resource(account=ACCOUNT, service=SERVICE, key="n003.example.com")
    gone = resource.model_copy(update={"key": "gone.example.com"})
    former = datetime.now(UTC) - timedelta(hours=1)
    house.store.inventory.upsert([Found(resource=each) for each in (resource, gone)], former)
    house.store.inventory.mark_vanished(ACCOUNT, SERVICE, datetime.now(UTC))
    house.store.inventory.upsert([Found(resource=gone)], former)
    names = seeded(house, 11, monkeypatch)
    house.cloud.latency(20)
    async with working(house, engine):
        running = await syncs.sync(engine, house.store, ACCOUNT, CDN)
        await reached(house, 6)
    assert "gone.example.com" in keys(house), "nothing is marked in the middle of a walk"
    async with house.working(engine):
        (found,) = await ended(house, running)
    assert (found.seen, found.vanished) == (11, 1)
    assert keys(house) == names
    assert keys(house, vanished=True) == ["gone.example.com"]


async def test_a_forbidden_service_is_told_once_and_stops_no_other(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, 3, monkeypatch)
    refused = house.cloud.fault("error", LIST, code="Forbidden.RAM", status=403)
    throttled = house.cloud.fault("throttle", LIST_DCDN, count=1, retry_after_ms=50)
    async with working(house, engine):
        found = {each.service: each for each in await synced(house, engine, [*CDN, DCDN, OSS])}
        assert [name for name, each in found.items() if each.error] == [SERVICE], found
        assert house.cloud.hits(refused) == 1, "what repeating cannot mend is not repeated"
        assert house.cloud.hits(throttled) == 1
        error = record(house).error
        assert error is not None
        assert (error.code, record(house).complete_at) == ("Forbidden.RAM", None)
        house.cloud.clear_faults()
        (mended,) = await synced(house, engine)
    assert (mended.seen, mended.error, record(house).error) == (3, None, None)


async def test_a_second_sync_joins_the_first_and_both_see_the_result(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, 11, monkeypatch)
    house.cloud.latency(50)
    async with working(house, engine):
        first = await syncs.sync(engine, house.store, ACCOUNT, CDN)
        await reached(house, 2)
        second = await syncs.sync(engine, house.store, ACCOUNT, CDN)
        scheduled = engine.execute_workflow(
            InventorySyncOnSchedule.run,
            SyncInput(account=ACCOUNT),
            id="inventory-main-2026-11-24T18:00:00Z",
            task_queue="certroll",
        )
        assert not await scheduled, "what the schedule wanted was under way"
        assert second.walks == first.walks
        assert await ended(house, second) == await ended(house, first)
    assert pages(house) == dict.fromkeys(range(1, 7), 1)


async def test_who_joins_may_add_services_and_waits_only_for_his_own(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, 3, monkeypatch)
    house.cloud.fault("hang", LIST_DCDN, count=1, seconds=2)
    async with working(house, engine):
        slow = await syncs.sync(engine, house.store, ACCOUNT, [DCDN])
        (one,) = await synced(house, engine)
        (again,) = await synced(house, engine)
        assert (one.seen, again.seen) == (3, 3)
        assert pages(house) == {1: 2, 2: 2}, "named again after its end, it is walked again"
        progress = await slow.handle.query(InventorySync.progress)
        assert [each.state for each in progress.services] == [WalkState.WALKING, WalkState.ENDED]
        assert [each.service for each in await ended(house, slow)] == [DCDN]
        assert len(await slow.handle.result()) == 2


async def test_a_schedule_starts_the_sync_under_its_own_name(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, 3, monkeypatch)
    async with working(house, engine):
        assert await engine.execute_workflow(
            InventorySyncOnSchedule.run,
            SyncInput(account=ACCOUNT, services=CDN),
            id="inventory-main-2026-11-24T18:00:00Z",
            task_queue="certroll",
        )
        sync = engine.get_workflow_handle(workflow_id(ACCOUNT), result_type=list[Synced])
        (found,) = await sync.result()
    assert found.seen == 3


async def test_a_cancelled_sync_stops_between_two_pages_and_marks_nothing(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(house, 251, monkeypatch)  # it hears of it with its next heartbeat, seconds later
    house.cloud.latency(100)
    async with working(house, engine):
        running = await syncs.sync(engine, house.store, ACCOUNT, CDN)
        await reached(house, 2)
        await running.handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await running.handle.result()
        (found,) = await ended(house, running)
    assert found.error is not None
    assert found.error.code == "Cancelled"
    assert found.seen < 251
    assert record(house).complete_at is None


async def test_without_an_account_or_a_worker_nothing_is_started(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="Did you mean main"):
        await syncs.sync(engine, house.store, "mainn")
    with pytest.raises(BadInput, match=r"Did you mean alibaba\.cdn"):
        await syncs.sync(engine, house.store, ACCOUNT, ["alibaba.cdm"])
    monkeypatch.setattr(starter_engine, "LONGEST_POLL", timedelta())  # former tests had workers
    with pytest.raises(NoWorker, match="certroll up"):
        await syncs.sync(engine, house.store, ACCOUNT)
