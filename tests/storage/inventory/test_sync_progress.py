"""The place where a walk stands: kept for its run, moved only from where it is."""

from datetime import timedelta

import pytest

from domain.cause import Cause
from domain.errors import BadInput
from domain.resources.inventory_sync import ServiceSync, ServiceSyncRecord
from domain.resources.resource import DiscoveredResource
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import NOW, build_account, build_resource

LATER = NOW + timedelta(hours=1)
CAUSE = Cause(code="Forbidden.RAM", message="no", advice="Grant it.", request_id="1")


@pytest.fixture
def walk(store: Store) -> ServiceSync:
    """One of an account that is there."""
    store.accounts.add(build_account(), {})
    example = build_resource()
    return ServiceSync(account=example.account, service=example.service, run="1")


def only(store: Store) -> ServiceSyncRecord:
    (found,) = store.syncs.list()
    return found


def test_the_same_run_continues_and_another_one_starts_over(
    store: Store, walk: ServiceSync
) -> None:
    begun = store.syncs.begin(walk, NOW)
    moved = store.syncs.advance(begun, "2", 50, 120)
    assert moved is not None
    assert (moved.page, moved.seen, moved.total, moved.began_at) == ("2", 50, 120, NOW)
    assert store.syncs.begin(walk, LATER) == moved == only(store)
    anew = store.syncs.begin(walk.model_copy(update={"run": "2"}), LATER)
    assert (anew.run, anew.page, anew.seen, anew.total, anew.began_at) == (
        "2",
        None,
        0,
        None,
        LATER,
    )


def test_an_overtaken_attempt_writes_nothing(store: Store, walk: ServiceSync) -> None:
    begun = store.syncs.begin(walk, NOW)
    moved = store.syncs.advance(begun, "2", 50, None)
    assert moved is not None
    assert store.syncs.advance(begun, "2", 50, None) is None
    assert store.syncs.finish(begun, LATER, 50, None, mark=True) is None
    assert store.syncs.restart(begun, LATER) is None
    assert only(store) == moved
    store.syncs.begin(walk.model_copy(update={"run": "2"}), LATER)
    assert store.syncs.advance(moved, "3", 100, None) is None
    assert store.syncs.fail(moved, LATER, CAUSE) is None
    assert only(store).error is None


def test_the_end_marks_what_was_not_listed_since_the_start_as_vanished(
    store: Store, walk: ServiceSync
) -> None:
    begun = store.syncs.begin(walk, NOW)
    old, new = build_resource(1), build_resource(2)
    store.inventory.upsert([DiscoveredResource(resource=old)], NOW - timedelta(seconds=1))
    store.inventory.upsert([DiscoveredResource(resource=new, binding_known=True)], NOW)
    ended = store.syncs.finish(begun, LATER, 1, 1, mark=True)
    assert ended is not None
    assert (ended.vanished, ended.ended_at, ended.complete_at) == (1, LATER, NOW)
    assert ended == only(store) == store.syncs.begin(walk, LATER)
    assert store.inventory.get(old.id).vanished_at == NOW
    assert store.inventory.get(new.id).vanished_at is None


def test_what_has_to_be_read_is_counted_and_read_before_the_end(
    store: Store, walk: ServiceSync
) -> None:
    begun = store.syncs.begin(walk, NOW)
    store.inventory.upsert(
        [
            DiscoveredResource(resource=build_resource(1)),
            DiscoveredResource(resource=build_resource(2)),
        ],
        NOW,
    )
    store.inventory.save_binding(build_resource(2).id, None, NOW - timedelta(minutes=30))
    long_ago = NOW - timedelta(hours=1)
    listed = store.syncs.finish(begun, LATER, 2, 2, mark=True, read_since=long_ago)
    assert listed is not None
    assert (listed.to_read, listed.were_read, listed.ended_at) == (1, 0, None)
    assert listed.complete_at == NOW
    read = store.syncs.add_read(listed, 1)
    assert read is not None
    assert read.were_read == 1
    ended = store.syncs.end(read, LATER, CAUSE)
    assert ended == only(store)
    assert ended is not None
    assert (ended.ended_at, ended.error) == (LATER, CAUSE)
    assert store.syncs.add_read(read, 1) is store.syncs.end(read, LATER, None) is None
    anew = store.syncs.begin(walk.model_copy(update={"run": "2"}), LATER)
    assert (anew.to_read, anew.were_read) == (None, 0)


def test_without_marking_nothing_vanishes(store: Store, walk: ServiceSync) -> None:
    begun = store.syncs.begin(walk, NOW)
    store.inventory.upsert(
        [DiscoveredResource(resource=build_resource())], NOW - timedelta(seconds=1)
    )
    ended = store.syncs.finish(begun, LATER, 0, 3, mark=False)
    assert ended is not None
    assert (ended.vanished, ended.complete_at) == (0, NOW)
    assert store.inventory.get(build_resource().id).vanished_at is None


def test_an_error_is_shown_until_the_sync_advances(store: Store, walk: ServiceSync) -> None:
    begun = store.syncs.begin(walk, NOW)
    store.syncs.record_error(walk, CAUSE)
    assert (only(store).error, only(store).ended_at) == (CAUSE, None)
    assert store.syncs.advance(begun, "2", 50, None) == only(store)
    assert only(store).error is None


def test_a_failure_ends_the_sync_and_keeps_the_age_of_the_inventory(
    store: Store, walk: ServiceSync
) -> None:
    store.syncs.finish(store.syncs.begin(walk, NOW), NOW, 3, 3, mark=True)
    again = walk.model_copy(update={"run": "2"})
    store.syncs.begin(again, LATER)
    failed = store.syncs.fail(again, LATER, CAUSE)
    assert failed == only(store)
    assert failed is not None
    assert (failed.error, failed.ended_at, failed.complete_at) == (CAUSE, LATER, NOW)
    other = Cause(code="Late", message="too late")
    assert store.syncs.fail(again, LATER, other) == failed, "what has ended stays as it ended"


def test_it_is_listed_by_account_and_service_and_goes_with_the_account(
    store: Store, walk: ServiceSync
) -> None:
    store.syncs.begin(walk, NOW)
    assert len(store.syncs.list(walk.account, walk.service)) == 1
    assert store.syncs.list("other") == store.syncs.list(service="other") == []
    store.accounts.delete(walk.account)
    assert store.syncs.list() == []


def test_an_unknown_account_is_refused(store: Store) -> None:
    with pytest.raises(BadInput, check=has_code("unknown-account", "nobody")):
        store.syncs.begin(ServiceSync(account="nobody", service="alibaba.cdn", run="1"), NOW)
