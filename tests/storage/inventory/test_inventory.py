"""The inventory keeps what was read, marks what vanished, and takes thousands at once."""

from datetime import timedelta

import pytest

from domain.errors import BadInput
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import (
    LATER,
    NEW,
    NOW,
    OLD,
    build_account,
    build_resource,
    mark_vanished,
)

READ = Binding(fingerprint=OLD, ref=CertificateRef(store="s", fields={"id": "1"}), not_after=LATER)
LISTED = Binding(fingerprint=NEW)


@pytest.fixture(autouse=True)
def _accounts(store: Store) -> None:
    store.accounts.add(build_account(), {})
    store.accounts.add(build_account("other"), {})


def test_a_resource_is_stored_as_it_was_listed(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    item = store.inventory.get(build_resource().id)
    assert item.resource == build_resource()
    assert (item.binding, item.binding_known, item.read_at) == (None, False, None)
    assert item.seen_at == NOW
    assert item.seen_at.utcoffset() == timedelta(0)


def test_a_binding_that_was_read_outlives_listings_that_do_not_know_it(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    store.inventory.save_binding(build_resource().id, READ, LATER)
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], LATER)
    item = store.inventory.get(build_resource().id)
    assert (item.binding, item.binding_known, item.read_at) == (READ, True, LATER)
    assert item.seen_at == LATER


def test_a_listing_that_knows_the_binding_replaces_it(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    store.inventory.save_binding(build_resource().id, READ, NOW)
    store.inventory.upsert(
        [DiscoveredResource(resource=build_resource(), binding=LISTED, binding_known=True)], LATER
    )
    item = store.inventory.get(build_resource().id)
    assert (item.binding, item.binding_known, item.read_at) == (LISTED, True, None)


def test_a_listing_or_a_read_may_know_that_https_is_off(store: Store) -> None:
    listed = DiscoveredResource(resource=build_resource(), binding=LISTED, binding_known=True)
    store.inventory.upsert([listed], NOW)
    store.inventory.save_binding(build_resource().id, None, LATER)
    item = store.inventory.get(build_resource().id)
    assert (item.binding, item.binding_known, item.read_at) == (None, True, LATER)
    store.inventory.upsert([listed], NOW)
    store.inventory.upsert(
        [DiscoveredResource(resource=build_resource(), binding_known=True)], LATER
    )
    assert store.inventory.get(build_resource().id).binding is None


def test_an_observation_before_a_deployment_never_replaces_its_binding(
    store: Store,
) -> None:
    listed = DiscoveredResource(resource=build_resource(), binding=LISTED, binding_known=True)
    store.inventory.upsert([listed], NOW)
    store.inventory.save_binding(build_resource().id, READ, LATER)
    store.inventory.upsert([listed], LATER + timedelta(minutes=1), NOW)
    store.inventory.save_read_bindings([(build_resource().id, None)], NOW)
    item = store.inventory.get(build_resource().id)
    assert (item.binding, item.read_at) == (READ, LATER)
    store.inventory.upsert([listed], LATER, LATER)
    assert store.inventory.get(build_resource().id).binding == LISTED
    store.inventory.mark_unknown(build_resource().id, LATER + timedelta(minutes=1))
    store.inventory.upsert([listed], LATER, LATER)
    store.inventory.save_read_bindings([(build_resource().id, READ)], LATER)
    assert not store.inventory.get(build_resource().id).binding_known


def test_the_binding_of_a_deployment_is_saved_until_it_is_unknown(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    assert store.inventory.save_binding(build_resource().id, READ, LATER)
    item = store.inventory.get(build_resource().id)
    assert (item.binding, item.binding_known, item.read_at) == (READ, True, LATER)
    assert store.inventory.mark_unknown(build_resource().id)
    item = store.inventory.get(build_resource().id)
    assert (item.binding, item.binding_known, item.read_at) == (READ, False, None)
    assert not store.inventory.save_binding("nothing", READ, LATER)
    assert not store.inventory.mark_unknown("nothing")


def test_a_resource_that_no_listing_shows_vanishes_and_may_return(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource(n)) for n in range(2)], NOW)
    store.inventory.upsert([DiscoveredResource(resource=build_resource(0, "other"))], NOW)
    store.inventory.upsert([DiscoveredResource(resource=build_resource(1))], LATER)
    assert mark_vanished(store, "main", "alibaba.cdn", LATER) == 1
    assert mark_vanished(store, "main", "alibaba.cdn", LATER) == 0
    assert [item.resource for item in store.inventory.list("main")] == [build_resource(1)]
    assert store.inventory.get(build_resource(0).id).vanished_at == LATER
    assert len(store.inventory.list(include_vanished=True)) == 3
    store.inventory.upsert([DiscoveredResource(resource=build_resource(0))], LATER)
    assert store.inventory.get(build_resource(0).id).vanished_at is None


def test_a_list_is_narrowed(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource(n)) for n in range(3)], NOW)
    store.inventory.upsert([DiscoveredResource(resource=build_resource(0, "other"))], NOW)
    assert len(store.inventory.list()) == 4
    assert [item.resource.account for item in store.inventory.list("other")] == ["other"]
    assert store.inventory.list(service="alibaba.alb") == []
    limited = store.inventory.list("main", "alibaba.cdn", limit=2)
    assert [item.resource for item in limited] == [build_resource(0), build_resource(1)]


def test_thousands_are_saved_and_a_repeated_one_counts_once(store: Store) -> None:
    found = [DiscoveredResource(resource=build_resource(number % 1500)) for number in range(2500)]
    store.inventory.upsert(found, NOW)
    assert len(store.inventory.list()) == 1500
    store.inventory.upsert([], NOW)


def test_what_is_unknown_is_refused(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    with pytest.raises(
        BadInput, check=has_code("unknown-resource", "main/alibaba.cdn/host0.example.com")
    ):
        store.inventory.get("main/alibaba.cdn/host0.example.con")
    with pytest.raises(BadInput, check=has_code("unknown-account", "gone")):
        store.inventory.upsert([DiscoveredResource(resource=build_resource(0, "gone"))], NOW)
