"""What preflight asks of the inventory, and how it fails changes: only those that still wait."""

from datetime import timedelta

from domain.cause import Cause
from domain.resources.resource import DiscoveredResource
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from tests.support.stored_examples import (
    LATER,
    NOW,
    build_account,
    build_resource,
    create_task,
    mark_vanished,
)

CAUSE = Cause(code="C07", message="revoked", needs_operator=True)


def test_the_state_of_resources_is_read_and_none_if_they_have_vanished(store: Store) -> None:
    store.accounts.add(build_account(), {})
    busy = build_resource(1).model_copy(update={"state": "configuring"})
    store.inventory.upsert(
        [DiscoveredResource(resource=each) for each in (build_resource(0), busy)], NOW
    )
    ids = [build_resource(number).id for number in range(3)]
    assert store.preflights.get_states(ids) == {ids[0]: "online", ids[1]: "configuring"}
    mark_vanished(store, "main", "alibaba.cdn", NOW + timedelta(days=1))
    assert store.preflights.get_states(ids[:1]) == {ids[0]: None}
    assert store.preflights.get_states([]) == {}


def test_only_changes_that_still_wait_fail_and_only_once(store: Store) -> None:
    create_task(store, size=4)
    outcomes = store.tasks.outcomes
    outcomes.begin_attempt("task-1", 0, OutcomeStatus.DEPLOYING, NOW)
    assert store.preflights.fail_pending("task-1", [0, 1, 3, 9], LATER, CAUSE) == 2
    assert store.preflights.fail_pending("task-1", [0, 1, 3, 9], LATER, CAUSE) == 0
    assert [each.status.value for each in outcomes.list("task-1")] == [
        "deploying",
        "failed",
        "pending",
        "failed",
    ]
    failed = outcomes.get("task-1", 1)
    assert (failed.cause, failed.ended_at, failed.applied) == (CAUSE, LATER, False)
