"""Drift: what is served differs from what our last deployment there left."""

from datetime import timedelta

import pytest

from domain.resources.resource import Binding
from domain.tasks.status import OutcomeStatus
from storage.expiry.drift import EdgeDrift
from storage.expiry.statements import Scope
from storage.store import Store
from tests.support.expiry_examples import (
    FP,
    SOON,
    build_resource,
    deploy,
    store_binding,
    store_certificate,
)
from tests.support.stored_examples import NOW, build_account, mark_vanished

A, B, C = FP["a"], FP["b"], FP["c"]
THERE = build_resource(1)
HOUR = timedelta(hours=1)
DONE, FAILED = OutcomeStatus.DEPLOYED, OutcomeStatus.FAILED
BACK = (OutcomeStatus.ROLLING_BACK, OutcomeStatus.ROLLED_BACK)


@pytest.fixture(autouse=True)
def _account(store: Store) -> None:
    store.accounts.add(build_account(), {})


def serving(fingerprint: str | None) -> Binding:
    return Binding(fingerprint=fingerprint, name="shop", not_after=SOON)


def drifted(store: Store) -> list[str | None]:
    assert store.expiry.count_resources().drifted == len(store.expiry.list_drifted().rows)
    return [each.deployed for each in store.expiry.list_drifted().rows]


def test_drift_is_listed_with_the_deployed_certificate_and_its_task(store: Store) -> None:
    store_certificate(store, B, SOON)
    task_id = deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(B), NOW + HOUR)
    (found,) = store.expiry.list_drifted().rows
    assert (found.resource, found.deployed, found.serves) == (THERE.id, A, B)
    assert (found.task_id, found.task_name, found.deployed_at) == (task_id, task_id, NOW)
    assert (found.name, found.managed, found.not_after) == ("our-b", True, SOON)
    assert found.seen_at == NOW + HOUR
    assert store.expiry.list_drifted(Scope(service="alibaba.alb")).rows == []
    assert store.expiry.list_drifted(Scope(unmanaged=True)).rows == []


def test_what_serves_as_deployed_has_not_drifted(store: Store) -> None:
    deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(A), NOW + HOUR)
    assert drifted(store) == []


def test_https_that_was_switched_off_is_drift(store: Store) -> None:
    deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, None, NOW + HOUR)
    assert drifted(store) == [A]
    assert store.expiry.list_drifted().rows[0].serves is None


def test_an_observation_before_the_deployment_is_not_drift(store: Store) -> None:
    store_binding(store, THERE, serving(B), NOW - HOUR)
    deploy(store, THERE, A, NOW, DONE)
    assert drifted(store) == []
    store.inventory.save_binding(THERE.id, serving(B), NOW + HOUR)
    assert drifted(store) == [A]


def test_the_last_deployment_counts_and_one_that_was_rolled_back_does_not(store: Store) -> None:
    deploy(store, THERE, A, NOW, DONE)
    deploy(store, THERE, B, NOW + HOUR, DONE)
    store_binding(store, THERE, serving(C), NOW + 5 * HOUR)
    assert drifted(store) == [B]
    deploy(store, THERE, C, NOW + 2 * HOUR, DONE, *BACK)
    assert drifted(store) == [B]


def test_a_rollback_brings_back_what_the_task_before_had_deployed(store: Store) -> None:
    deploy(store, THERE, A, NOW, DONE)
    deploy(store, THERE, B, NOW + HOUR, DONE, *BACK)
    store_binding(store, THERE, serving(A), NOW + 5 * HOUR)
    assert drifted(store) == []


def test_a_running_change_is_not_drift(store: Store) -> None:
    deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(B), NOW + 5 * HOUR)
    task_id = deploy(store, THERE, B, NOW + HOUR)
    assert drifted(store) == []
    store.tasks.outcomes.end_attempt(task_id, 0, FAILED, NOW + HOUR, None)
    assert drifted(store) == [A]


def test_what_cannot_be_compared_or_is_gone_or_was_never_ours_is_no_drift(store: Store) -> None:
    deploy(store, build_resource(1), A, NOW, DONE)
    store_binding(store, build_resource(1), serving(None), NOW + HOUR)
    store_binding(store, build_resource(2), serving(B), NOW + HOUR)
    assert drifted(store) == []
    deploy(store, build_resource(3), A, NOW, DONE)
    store_binding(store, build_resource(3), serving(B), NOW + HOUR)
    assert drifted(store) == [A]
    mark_vanished(store, "main", "alibaba.cdn", NOW + 2 * HOUR)
    assert drifted(store) == []


def seen_at_edge(store: Store, task_id: str, fingerprint: str | None, hours: int = 1) -> bool:
    at = NOW + hours * HOUR
    return store.edge_drifts.save(
        EdgeDrift(
            resource_id=THERE.id,
            task_id=task_id,
            observed=fingerprint,
            address="192.0.2.7:443",
            problem="still serves",
            since=at,
            observed_at=at,
        )
    )


def test_what_a_handshake_shows_is_drift_until_it_shows_the_right_one(store: Store) -> None:
    store_certificate(store, B, SOON)
    task_id = deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(A), NOW + HOUR)
    assert seen_at_edge(store, task_id, B)
    (found,) = store.expiry.list_drifted().rows
    assert (found.serves, found.name, found.managed, found.not_after) == (B, "our-b", True, SOON)
    assert (found.address, found.problem) == ("192.0.2.7:443", "still serves")
    assert drifted(store) == [A]
    assert store.edge_drifts.delete([THERE.id]) == 1
    assert drifted(store) == []


def test_the_same_drift_is_new_once_and_keeps_its_time(store: Store) -> None:
    task_id = deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(A), NOW + HOUR)
    assert [seen_at_edge(store, task_id, seen, at) for at, seen in enumerate((B, B, C), 1)] == [
        True,
        False,
        True,
    ]
    (kept,) = store.edge_drifts.list()
    assert (kept.observed, kept.since) == (C, NOW + 3 * HOUR)


def test_what_the_service_says_goes_before_what_a_handshake_has_shown(store: Store) -> None:
    task_id = deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(C), NOW + HOUR)
    seen_at_edge(store, task_id, B)
    (found,) = store.expiry.list_drifted().rows
    assert (found.serves, found.address) == (C, None)


def test_a_finding_about_an_older_task_says_nothing_of_the_newer_one(store: Store) -> None:
    first = deploy(store, THERE, A, NOW, DONE)
    store_binding(store, THERE, serving(A), NOW + HOUR)
    seen_at_edge(store, first, B)
    deploy(store, THERE, B, NOW + 2 * HOUR, DONE)
    assert drifted(store) == []
    assert store.edge_drifts.list_last_deployments(first) == []


def test_what_is_unverified_is_a_deployment_as_well(store: Store) -> None:
    deploy(store, THERE, A, NOW, DONE)
    task_id = deploy(store, THERE, B, NOW + HOUR, OutcomeStatus.UNVERIFIED)
    store_binding(store, THERE, serving(B), NOW + 2 * HOUR)
    assert drifted(store) == []
    assert store.edge_drifts.list_last_deployments() == [(task_id, 0)]
    store_binding(store, THERE, serving(C), NOW + 3 * HOUR)
    assert drifted(store) == [B]
