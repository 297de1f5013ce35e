"""Activities between waves and before a retry: each may be repeated with the same result."""

import pytest
from temporalio.testing import ActivityEnvironment

from activities.waves import ReopenRequest, RetriedChange, WaveActivities, WaveRef
from domain.tasks.retry import ReopenedChanges
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from tests.support.stored_examples import CAUSE, LATER, NOW, build_resource, create_task

TASK = "task-1"


@pytest.fixture
def activities(store: Store) -> WaveActivities:
    """With a task of three changes, of which the second has failed and is charged."""
    create_task(store, TASK, size=3)
    store.quota.grant(10, "for the test", NOW)
    store.quota.reserve(TASK, 3, NOW)
    outcomes = store.tasks.outcomes
    for ordinal, status in enumerate(
        (OutcomeStatus.DEPLOYED, OutcomeStatus.FAILED, OutcomeStatus.DEPLOYED)
    ):
        outcomes.begin_attempt(TASK, ordinal, OutcomeStatus.DEPLOYING, NOW)
        cause = CAUSE if status is OutcomeStatus.FAILED else None
        outcomes.end_attempt(TASK, ordinal, status, NOW, cause)
    store.quota.settle(TASK, NOW)
    return WaveActivities(store)


def test_a_wave_has_the_counts_of_its_changes(activities: WaveActivities) -> None:
    ref = WaveRef(task_id=TASK, round=0, wave=0)
    facts = ActivityEnvironment().run(activities.get_wave_facts, ref)
    assert (facts.changes, facts.failed, facts.total) == (3, 1, 3)


def test_a_retry_reopens_failed_changes_and_reserves_their_quota_once(
    activities: WaveActivities, store: Store
) -> None:
    request = ReopenRequest(task_id=TASK, round=1, only=None, at=LATER)
    for _ in range(2):
        reopened = ActivityEnvironment().run(activities.reopen_changes, request)
        assert reopened == ReopenedChanges(changes=1, cost=1)
    assert store.tasks.outcomes.get(TASK, 1).status is OutcomeStatus.PENDING
    assert store.quota.get_balance() == 7


def test_a_retry_of_other_resources_reopens_nothing(activities: WaveActivities) -> None:
    only = (build_resource(0).id,)
    request = ReopenRequest(task_id=TASK, round=1, only=only, at=LATER)
    reopened = ActivityEnvironment().run(activities.reopen_changes, request)
    assert reopened == ReopenedChanges(changes=0, cost=0)


def test_the_cause_of_a_retried_change_is_shown_meanwhile(
    activities: WaveActivities, store: Store
) -> None:
    create_task(store, "task-2", size=1)
    store.tasks.outcomes.begin_attempt("task-2", 0, OutcomeStatus.DEPLOYING, NOW)
    retried = RetriedChange(task_id="task-2", ordinal=0, cause=CAUSE)
    ActivityEnvironment().run(activities.record_retried_change, retried)
    assert store.tasks.outcomes.get("task-2", 0).cause == CAUSE
