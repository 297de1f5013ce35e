"""Inventory syncs on a real server: resumed, joined, and not delayed by a failing service."""

from datetime import UTC, datetime, timedelta
from random import SystemRandom

import pytest
from temporalio.client import Client, WorkflowFailureError

from domain.errors import BadInput
from domain.resources.inventory_sync import (
    ServiceSyncResult,
    ServiceSyncState,
    SyncInput,
    workflow_id,
)
from domain.resources.resource import DiscoveredResource, Resource
from starter.requests import syncs
from starter.temporal import client as starter_engine
from starter.temporal.client import NoWorker
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.stored_examples import mark_vanished
from tests.support.syncs import (
    CDN,
    DCDN,
    count_page_reads,
    get_sync_record,
    list_keys,
    run_worker,
    seed_pages,
    wait_ended,
    wait_seen,
    wait_synced,
)
from workflows.inventory_sync import InventorySync, InventorySyncOnSchedule

STOPS = 10
OSS = "alibaba.oss"
LIST, LIST_DCDN = "DescribeUserDomains", "DescribeDcdnUserDomains"


async def test_a_sync_syncs_every_service_and_tells_its_progress(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = seed_pages(stack, 5, monkeypatch)
    async with run_worker(stack, engine):
        running = await syncs.start_or_join(engine, stack.store, ACCOUNT)
        found = {each.service: each for each in await wait_ended(stack, running)}
        progress = await running.handle.query(InventorySync.progress)
        assert await running.handle.result() == list(found.values())
    assert list_keys(stack) == names
    assert found[SERVICE].seen == 5
    assert {each.error for each in found.values()} == {None}
    assert len(found) > 10
    assert "alibaba.cas" not in found, "it serves nothing by itself"
    assert {each.state for each in progress.services} == {ServiceSyncState.ENDED}
    walked = get_sync_record(stack)
    assert (walked.seen, walked.total, walked.error) == (5, 5, None)
    assert walked.complete_at == walked.began_at


async def test_a_worker_stopped_at_ten_points_reads_each_page_once(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = seed_pages(stack, 61, monkeypatch)
    stack.cloud.set_latency(10)
    stops = sorted(SystemRandom().sample(range(1, 60), STOPS))
    note = f"stopped at {stops}"
    async with run_worker(stack, engine):
        running = await syncs.start_or_join(engine, stack.store, ACCOUNT, CDN)
        await wait_seen(stack, stops[0])
    began = get_sync_record(stack).began_at
    for stop in stops[1:]:
        async with stack.run_worker(engine):
            await wait_seen(stack, stop)
    async with stack.run_worker(engine):
        (found,) = await wait_ended(stack, running)
    assert (found.seen, found.error) == (61, None), note
    assert list_keys(stack) == names, note
    assert count_page_reads(stack) == dict.fromkeys(range(1, 32), 1), note
    assert get_sync_record(stack).began_at == began, note


async def test_what_vanished_is_marked_and_comes_back_over_a_stop(
    any_stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = any_stack
    resource = Resource(account=ACCOUNT, service=SERVICE, key="n003.example.com")
    gone = resource.model_copy(update={"key": "gone.example.com"})
    former = datetime.now(UTC) - timedelta(hours=1)
    stack.store.inventory.upsert(
        [DiscoveredResource(resource=each) for each in (resource, gone)], former
    )
    mark_vanished(stack.store, ACCOUNT, SERVICE, datetime.now(UTC))
    stack.store.inventory.upsert([DiscoveredResource(resource=gone)], former)
    names = seed_pages(stack, 11, monkeypatch)
    stack.cloud.set_latency(20)
    async with run_worker(stack, engine):
        running = await syncs.start_or_join(engine, stack.store, ACCOUNT, CDN)
        await wait_seen(stack, 6)
    assert "gone.example.com" in list_keys(stack), "nothing is marked in the middle of a walk"
    async with stack.run_worker(engine):
        (found,) = await wait_ended(stack, running)
    assert (found.seen, found.vanished) == (11, 1)
    assert list_keys(stack) == names
    assert list_keys(stack, vanished=True) == ["gone.example.com"]


async def test_a_forbidden_service_is_reported_once_and_stops_no_other(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_pages(stack, 3, monkeypatch)
    refused = stack.cloud.add_fault("error", LIST, code="Forbidden.RAM", status=403)
    throttled = stack.cloud.add_fault("throttle", LIST_DCDN, count=1, retry_after_ms=50)
    async with run_worker(stack, engine):
        found = {each.service: each for each in await wait_synced(stack, engine, [*CDN, DCDN, OSS])}
        assert [name for name, each in found.items() if each.error] == [SERVICE], found
        assert stack.cloud.count_hits(refused) == 1, "what repeating cannot mend is not repeated"
        assert stack.cloud.count_hits(throttled) == 1
        error = get_sync_record(stack).error
        assert error is not None
        assert (error.code, get_sync_record(stack).complete_at) == ("Forbidden.RAM", None)
        stack.cloud.clear_faults()
        (mended,) = await wait_synced(stack, engine)
    assert (mended.seen, mended.error, get_sync_record(stack).error) == (3, None, None)


async def test_a_second_sync_joins_the_first_and_both_see_the_result(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_pages(stack, 11, monkeypatch)
    stack.cloud.set_latency(50)
    async with run_worker(stack, engine):
        first = await syncs.start_or_join(engine, stack.store, ACCOUNT, CDN)
        await wait_seen(stack, 2)
        second = await syncs.start_or_join(engine, stack.store, ACCOUNT, CDN)
        scheduled = engine.execute_workflow(
            InventorySyncOnSchedule.run,
            SyncInput(account=ACCOUNT),
            id="inventory-main-2026-11-24T18:00:00Z",
            task_queue="certroll",
        )
        assert not await scheduled, "what the schedule wanted was under way"
        assert second.service_syncs == first.service_syncs
        assert await wait_ended(stack, second) == await wait_ended(stack, first)
    assert count_page_reads(stack) == dict.fromkeys(range(1, 7), 1)


async def test_who_joins_may_add_services_and_waits_only_for_his_own(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_pages(stack, 3, monkeypatch)
    stack.cloud.add_fault("hang", LIST_DCDN, count=1, seconds=2)
    async with run_worker(stack, engine):
        slow = await syncs.start_or_join(engine, stack.store, ACCOUNT, [DCDN])
        (one,) = await wait_synced(stack, engine)
        (again,) = await wait_synced(stack, engine)
        assert (one.seen, again.seen) == (3, 3)
        assert count_page_reads(stack) == {1: 2, 2: 2}, (
            "named again after its end, it is walked again"
        )
        progress = await slow.handle.query(InventorySync.progress)
        assert [each.state for each in progress.services] == [
            ServiceSyncState.RUNNING,
            ServiceSyncState.ENDED,
        ]
        assert [each.service for each in await wait_ended(stack, slow)] == [DCDN]
        assert len(await slow.handle.result()) == 2


async def test_a_schedule_starts_the_sync_under_its_own_name(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_pages(stack, 3, monkeypatch)
    async with run_worker(stack, engine):
        assert await engine.execute_workflow(
            InventorySyncOnSchedule.run,
            SyncInput(account=ACCOUNT, services=CDN),
            id="inventory-main-2026-11-24T18:00:00Z",
            task_queue="certroll",
        )
        sync = engine.get_workflow_handle(workflow_id(ACCOUNT), result_type=list[ServiceSyncResult])
        (found,) = await sync.result()
    assert found.seen == 3


async def test_a_cancelled_sync_stops_between_two_pages_and_marks_nothing(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_pages(stack, 251, monkeypatch)  # it hears of it with its next heartbeat, seconds later
    stack.cloud.set_latency(100)
    async with run_worker(stack, engine):
        running = await syncs.start_or_join(engine, stack.store, ACCOUNT, CDN)
        await wait_seen(stack, 2)
        await running.handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await running.handle.result()
        (found,) = await wait_ended(stack, running)
    assert found.error is not None
    assert found.error.code == "Cancelled"
    assert found.seen < 251
    assert get_sync_record(stack).complete_at is None


async def test_without_an_account_or_a_worker_nothing_is_started(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, check=lambda error: error.code == "unknown-account"):
        await syncs.start_or_join(engine, stack.store, "mainn")
    with pytest.raises(BadInput, check=lambda error: error.code == "unknown-service"):
        await syncs.start_or_join(engine, stack.store, ACCOUNT, ["alibaba.cdm"])
    monkeypatch.setattr(starter_engine, "WORKER_POLL", timedelta())  # former tests had workers
    with pytest.raises(NoWorker):
        await syncs.start_or_join(engine, stack.store, ACCOUNT)
