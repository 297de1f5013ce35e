"""Activities of an inventory sync: stopped between pages, and errors that stay visible."""

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.heartbeats import Heartbeater
from activities.inventory_sync import SHUTDOWN_CODE, FailedSync, InventorySyncActivities
from domain.resources.inventory_sync import ServiceSync
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.stored_examples import CAUSE

SYNC = ServiceSync(account=ACCOUNT, service=SERVICE, run="run-1")


@pytest.fixture
def activities(stack: Stack) -> InventorySyncActivities:
    stack.seed_domains("a.example.com", "b.example.com")
    return InventorySyncActivities(stack.store, stack.connectors, Heartbeater())


def test_the_services_of_an_account_are_those_that_serve_certificates(
    activities: InventorySyncActivities,
) -> None:
    services = ActivityEnvironment().run(activities.list_services_to_sync, ACCOUNT)
    assert SERVICE in services
    assert "alibaba.cas" not in services


def test_a_sync_that_ended_is_not_made_again(activities: InventorySyncActivities) -> None:
    first = ActivityEnvironment().run(activities.sync_service, SYNC)
    assert (first.seen, first.error) == (2, None)
    stopping = ActivityEnvironment()
    stopping.worker_shutdown()
    assert stopping.run(activities.sync_service, SYNC) == first


@pytest.mark.parametrize("ending", ["shutdown", "cancellation"])
def test_a_sync_stops_between_pages(activities: InventorySyncActivities, ending: str) -> None:
    environment = ActivityEnvironment()
    environment.worker_shutdown() if ending == "shutdown" else environment.cancel()
    with pytest.raises(ApplicationError) as caught:
        environment.run(activities.sync_service, SYNC)
    expected = (SHUTDOWN_CODE, False) if ending == "shutdown" else ("Cancelled", True)
    assert (caught.value.type, caught.value.non_retryable) == expected
    record = activities._store.syncs.list(ACCOUNT)[0]
    assert record.error is None, "a stopped worker is no error of the cloud"


def test_an_error_of_the_cloud_is_recorded_while_the_sync_is_retried(
    activities: InventorySyncActivities, stack: Stack
) -> None:
    stack.cloud.add_fault("error", "DescribeUserDomains", code="Unavailable", status=503)
    with pytest.raises(ApplicationError) as caught:
        ActivityEnvironment().run(activities.sync_service, SYNC)
    assert not caught.value.non_retryable
    record = stack.store.syncs.list(ACCOUNT)[0]
    assert record.error is not None
    assert record.error.code == caught.value.type


def test_a_failed_sync_keeps_what_it_has_seen(activities: InventorySyncActivities) -> None:
    failed = FailedSync(sync=SYNC, cause=CAUSE)
    result = ActivityEnvironment().run(activities.record_failed_sync, failed)
    assert (result.account, result.service, result.error) == (ACCOUNT, SERVICE, CAUSE)
    assert result.vanished == 0


def test_a_sync_that_ends_with_its_last_page_is_not_stopped_any_more(
    activities: InventorySyncActivities,
) -> None:
    stopping = ActivityEnvironment()
    stopping.worker_shutdown()
    empty = ServiceSync(account=ACCOUNT, service="alibaba.alb", run="run-2")
    result = stopping.run(activities.sync_service, empty)
    assert (result.seen, result.error) == (0, None)
