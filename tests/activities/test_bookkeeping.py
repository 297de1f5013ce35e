"""Activities that read and write storage: each may be repeated with the same result."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.bookkeeping import (
    BookkeepingActivities,
    FailedInstallation,
    InstallationPage,
    OrderPage,
    ResourceSelection,
    SkipRequest,
    StatusChange,
    TaskAt,
    TaskRef,
)
from domain.cause import Cause
from domain.rollout.policy import RolloutPolicy
from domain.tasks.audit import TaskEvent, TaskEventCode
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from storage.store import Store
from tests.support.stored_examples import (
    CAUSE,
    LATER,
    NEW,
    NOW,
    build_change,
    build_plan,
    build_resource,
    build_task_record,
    create_task,
)

TASK = "task-1"


def page(task_id: str, after: int = -1, limit: int = 100) -> InstallationPage:
    return InstallationPage(task_id=task_id, after=after, limit=limit)


@pytest.fixture
def activities(store: Store) -> BookkeepingActivities:
    """With a task of three changes that cost one each."""
    create_task(store, TASK, size=3)
    store.quota.grant(10, "for the test", NOW)
    return BookkeepingActivities(store)


def test_quota_is_reserved_once_for_the_previewed_plan(
    activities: BookkeepingActivities, store: Store
) -> None:
    task = TaskRef(task_id=TASK, digest=store.tasks.get(TASK).digest)
    activities.reserve_quota(task)
    activities.reserve_quota(task)
    assert store.quota.get_balance() == 7


def test_a_plan_that_changed_since_its_preview_is_refused(
    activities: BookkeepingActivities, store: Store
) -> None:
    with pytest.raises(ApplicationError) as caught:
        activities.reserve_quota(TaskRef(task_id=TASK, digest="f" * 64))
    assert caught.value.non_retryable
    assert Cause.model_validate(caught.value.details[0]).code == "plan-changed"
    assert store.quota.get_balance() == 10


def test_settling_charges_deployed_changes_and_refunds_the_rest(
    activities: BookkeepingActivities, store: Store
) -> None:
    activities.reserve_quota(TaskRef(task_id=TASK, digest=store.tasks.get(TASK).digest))
    store.tasks.outcomes.begin_attempt(TASK, 0, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.end_attempt(TASK, 0, OutcomeStatus.DEPLOYED, NOW, None)
    assert activities.skip_changes(SkipRequest(task_id=TASK, cause=CAUSE, at=NOW)) == 2
    for _ in range(2):
        tally = activities.settle_quota(TaskAt(task_id=TASK, at=LATER))
        assert tally == Tally(deployed=1, skipped=2)
        assert store.quota.get_balance() == 9
    assert activities.count_outcomes(TASK) == Tally(deployed=1, skipped=2)


def test_a_certificate_that_several_changes_need_is_installed_once(
    activities: BookkeepingActivities,
) -> None:
    (needed,) = activities.list_installations(page(TASK))
    assert (needed.fingerprint, needed.account, needed.store) == (NEW, "main", "alibaba.cas/cn")
    assert needed.ordinal == 0
    assert needed.label == "new into alibaba.cas/cn of main"


def test_each_account_needs_its_own_installation(
    activities: BookkeepingActivities, store: Store
) -> None:
    made = build_plan(1)
    both = made.model_copy(update={"changes": (build_change(0), build_change(0, account="other"))})
    store.tasks.create(build_task_record(both, "two", name="two accounts"), both)
    assert [each.account for each in activities.list_installations(page("two"))] == [
        "main",
        "other",
    ]
    needed = activities.list_installations(page("two"))[1]
    failed = FailedInstallation(installation=needed, cause=CAUSE, at=LATER)
    assert activities.fail_installation(failed) == 1
    assert [o.status.value for o in store.tasks.outcomes.list("two")] == ["pending", "failed"]
    assert activities.fail_installation(failed) == 0


def test_installations_are_listed_a_few_at_a_time(
    activities: BookkeepingActivities, store: Store
) -> None:
    made = build_plan(1)
    of = ("main", "other", "main", "third")
    changes = tuple(build_change(number, account=name) for number, name in enumerate(of))
    whole = made.model_copy(update={"changes": changes})
    store.tasks.create(build_task_record(whole, "many", name="many"), whole)
    first = activities.list_installations(page("many", limit=2))
    assert [(each.account, each.ordinal) for each in first] == [("main", 0), ("other", 1)]
    (third,) = activities.list_installations(page("many", after=first[-1].ordinal, limit=2))
    assert (third.account, third.ordinal) == ("third", 3)
    assert activities.list_installations(page("many", after=third.ordinal)) == []


def test_a_failed_installation_fails_the_changes_that_need_it_with_its_cause(
    activities: BookkeepingActivities, store: Store
) -> None:
    store.tasks.outcomes.begin_attempt(TASK, 0, OutcomeStatus.DEPLOYING, NOW)
    (needed,) = activities.list_installations(page(TASK))
    assert (
        activities.fail_installation(FailedInstallation(installation=needed, cause=CAUSE, at=NOW))
        == 2
    )
    outcomes = store.tasks.outcomes.list(TASK)
    assert [o.status.value for o in outcomes] == ["deploying", "failed", "failed"]
    assert outcomes[1].cause == CAUSE
    assert activities.list_installations(page(TASK)) == []


def test_changes_that_need_no_installation_are_left_out(
    activities: BookkeepingActivities, store: Store
) -> None:
    off = build_change(0).model_copy(update={"after": None})
    mixed = build_plan(1).model_copy(update={"changes": (off, build_change(1))})
    store.tasks.create(build_task_record(mixed, "mixed", name="mixed"), mixed)
    (needed,) = activities.list_installations(page("mixed"))
    assert needed.ordinal == 1
    assert (
        activities.fail_installation(FailedInstallation(installation=needed, cause=CAUSE, at=NOW))
        == 1
    )
    assert store.tasks.outcomes.get("mixed", 0).status is OutcomeStatus.PENDING


def test_orders_come_page_by_page_in_the_order_of_the_plan(
    activities: BookkeepingActivities,
) -> None:
    def list_page(after: int, only: tuple[str, ...] | None = None) -> list[int]:
        wanted = OrderPage(
            task_id=TASK, after=after, limit=2, direction=Direction.DEPLOY, only=only
        )
        return [order.ordinal for order in activities.list_orders(wanted)]

    assert (list_page(-1), list_page(1), list_page(2)) == ([0, 1], [2], [])
    assert list_page(-1, (build_resource(2).id,)) == [2]


def test_orders_may_be_of_one_wave_only(activities: BookkeepingActivities, store: Store) -> None:
    made = build_plan(4)
    policy = RolloutPolicy(canary_resources=(build_resource(2).id,))
    waved = build_task_record(made, "waves", name="waves").model_copy(update={"rollout": policy})
    store.tasks.create(waved, made)

    def list_ordinals(wave: int | None) -> list[int]:
        wanted = OrderPage(
            task_id="waves", after=-1, limit=9, direction=Direction.DEPLOY, wave=wave
        )
        return [order.ordinal for order in activities.list_orders(wanted)]

    assert (list_ordinals(0), list_ordinals(1), list_ordinals(None)) == (
        [2],
        [0, 1, 3],
        [0, 1, 2, 3],
    )


def test_only_named_changes_are_skipped_when_some_are_named(
    activities: BookkeepingActivities, store: Store
) -> None:
    skip = SkipRequest(task_id=TASK, cause=CAUSE, at=LATER, only=(build_resource(1).id,))
    assert activities.skip_changes(skip) == 1
    assert [o.status.value for o in store.tasks.outcomes.list(TASK)] == [
        "pending",
        "skipped",
        "pending",
    ]


def test_resources_that_are_not_in_the_task_are_found(activities: BookkeepingActivities) -> None:
    named = ResourceSelection(
        task_id=TASK, resources=(build_resource(1).id, "main/alibaba.cdn/other")
    )
    assert activities.find_unknown_resources(named) == ["main/alibaba.cdn/other"]


def test_a_status_is_recorded_and_the_same_again_changes_nothing(
    activities: BookkeepingActivities, store: Store
) -> None:
    running = StatusChange(task_id=TASK, status=TaskStatus.RUNNING, at=NOW)
    activities.record_status(running)
    activities.record_status(running.model_copy(update={"at": LATER}))
    assert store.tasks.get(TASK).status is TaskStatus.RUNNING
    assert store.tasks.get(TASK).started_at == NOW


def test_a_new_time_is_recorded(activities: BookkeepingActivities, store: Store) -> None:
    at = NOW + timedelta(days=3)
    activities.record_time(TaskAt(task_id=TASK, at=at))
    assert store.tasks.get(TASK).at == at


def test_events_and_a_deletion_go_to_the_audit_log(
    activities: BookkeepingActivities, store: Store
) -> None:
    def event(code: TaskEventCode, text: str) -> TaskEvent:
        return TaskEvent(task_id=TASK, at=NOW, code=code, by="eve", text=text)

    activities.record_event(event(TaskEventCode.ROLLBACK, "wrong names"))
    activities.delete_task(event(TaskEventCode.DELETED, "made in error"))
    assert [(e.code, e.by, e.text) for e in store.tasks.list_events(TASK)] == [
        ("rollback", "eve", "wrong names"),
        ("deleted", "eve", "made in error"),
    ]
    assert store.tasks.list() == []


def test_a_task_that_is_unknown_is_not_retried(activities: BookkeepingActivities) -> None:
    with pytest.raises(ApplicationError) as caught:
        activities.record_status(StatusChange(task_id="no-such", status=TaskStatus.RUNNING, at=NOW))
    assert caught.value.non_retryable
    assert Cause.model_validate(caught.value.details[0]).code == "unknown-task"
