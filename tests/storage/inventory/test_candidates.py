"""The rows that a plan looks at: what the database leaves out, and what it must not."""

from datetime import timedelta

import pytest

from domain.plans.request import PlanRequest
from domain.resources.resource import Binding, DiscoveredResource, Resource
from storage.inventory import queries
from storage.store import Store
from tests.support.stored_examples import LATER, NEW, NOW, OLD, build_account, mark_vanished

SOON = Binding(fingerprint=OLD, issuer="CA", not_after=NOW + timedelta(days=3))
LATE = Binding(fingerprint=NEW, not_after=NOW + timedelta(days=90))
TAGS = {"env": "prod", 'odd"key.x': "1"}


def found(
    key: str, service: str = "alibaba.cdn", of: str = "main", **more: object
) -> DiscoveredResource:
    resource = Resource(account=of, service=service, key=key, domains=(f"{key}.example.com",))
    return DiscoveredResource.model_validate({"resource": resource, **more})


@pytest.fixture(autouse=True)
def _resources(store: Store) -> None:
    for name in ("main", "other"):
        store.accounts.add(build_account(name), {})
    everything = [
        found("soon", binding=SOON, binding_known=True, tags=TAGS),
        found("late", "alibaba.alb", binding=LATE, binding_known=True),
        found("off", binding_known=True),
        found("unknown", tags={"env": "test"}),
        found("cn/lb-1/default", "alibaba.alb", "other", binding=SOON, binding_known=True),
    ]
    store.inventory.upsert([found("gone")], NOW - timedelta(hours=1))
    store.inventory.upsert(everything, NOW)
    mark_vanished(store, "main", "alibaba.cdn", NOW)


def keys(store: Store, **request: object) -> set[str]:
    plan_request = PlanRequest.model_validate({"certificates": ("any",), **request})
    return {each.resource.key for each in store.inventory.iterate_candidates(plan_request)}


def test_all_matched_selects_all_resources_that_have_not_vanished(store: Store) -> None:
    everything = {"soon", "late", "off", "unknown", "cn/lb-1/default"}
    assert keys(store, all_matched=True) == everything
    assert keys(store, all_matched=True, accounts=("other",)) == {"cn/lb-1/default"}
    assert keys(store, services=("alibaba.alb",)) == {"late", "cn/lb-1/default"}


def test_resources_are_named_by_id_or_key_also_vanished_ones(store: Store) -> None:
    assert keys(store, resources=("cn/lb-1/default",)) == {"cn/lb-1/default"}
    assert keys(store, resources=("main/alibaba.cdn/gone", "late")) == {"gone", "late"}
    named = keys(store, resources=("gone",), services=("alibaba.alb",))
    assert named == {"gone", "late", "cn/lb-1/default"}
    assert keys(store, resources=("late",), accounts=("other",)) == set()


def test_more_names_than_a_statement_takes_select_all_resources(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_NAMES", 1)
    assert {"late", "off", "gone"} <= keys(store, resources=("late", "off"))


def test_resources_of_unknown_binding_pass_filters_on_bindings(store: Store) -> None:
    in_a_week = NOW + timedelta(days=7)
    assert keys(store, expiring_before=in_a_week) == {"soon", "unknown", "cn/lb-1/default"}
    assert keys(store, serving=(NEW,)) == {"late", "unknown"}
    assert keys(store, serving=(NEW,), expiring_before=in_a_week) == {"unknown"}


def test_the_database_filters_by_tags_with_plain_keys(store: Store) -> None:
    assert keys(store, tags=("env=prod",)) == {"soon"}
    assert keys(store, tags=("env",)) == {"soon", "unknown"}
    assert keys(store, tags=("no",)) == set()
    assert "soon" in keys(store, tags=('odd"key.x=1',))


def test_a_candidate_has_all_fields_of_the_inventory(store: Store) -> None:
    store.inventory.save_binding("main/alibaba.cdn/unknown", LATE, LATER)
    rows = {
        each.resource.key: each
        for each in store.inventory.iterate_candidates(
            PlanRequest(certificates=("any",), all_matched=True)
        )
    }
    for row in rows.values():
        item = store.inventory.get(row.resource.id)
        for name in type(item).model_fields:
            assert getattr(row, name) == getattr(item, name)
    assert rows["unknown"].read_at == LATER


def test_many_bindings_are_saved_at_once(store: Store) -> None:
    ids = ["main/alibaba.cdn/off", "main/alibaba.cdn/unknown", "main/alibaba.cdn/strange"]
    store.inventory.save_read_bindings(zip(ids, (SOON, None, SOON), strict=True), LATER)
    off, unknown = (store.inventory.get(each) for each in ids[:2])
    assert (off.binding, off.read_at) == (SOON, LATER)
    assert (unknown.binding, unknown.binding_known, unknown.read_at) == (None, True, LATER)
    assert "main/alibaba.cdn/off" in {
        each.resource.id
        for each in store.inventory.iterate_candidates(
            PlanRequest(certificates=("any",), serving=(OLD,))
        )
    }


def test_a_served_fingerprint_is_found_by_its_beginning(store: Store) -> None:
    assert store.inventory.find_fingerprints(OLD[:8]) == [OLD]
    assert sorted(store.inventory.find_fingerprints("")) == sorted([NEW, OLD])
    assert store.inventory.find_fingerprints("%") == []
