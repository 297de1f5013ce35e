"""Steps that touch nothing but storage: each may be repeated with the same result."""

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.bookkeeping import (
    Bookkeeping,
    FailedInstallation,
    InstallationsAfter,
    NamedResources,
    OrdersAfter,
    Skip,
    StatusChange,
    TaskAt,
    TaskRef,
    installation_for,
)
from domain.cause import Cause
from domain.resources.resource import Binding
from domain.rollout.policy import Rollout
from domain.tasks.messages import Direction
from domain.tasks.record import OutcomeRecord, TaskEvent
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from storage.store import Store
from tests.storage.examples import CAUSE, LATER, NEW, NOW, change, create, plan, record, resource

TASK = "task-1"


def page(task_id: str, after: int = -1, limit: int = 100) -> InstallationsAfter:
    return InstallationsAfter(task_id=task_id, after=after, limit=limit)


@pytest.fixture
def steps(store: Store) -> Bookkeeping:
    """The steps, with a task of three changes that cost one each."""
    create(store, TASK, size=3)
    store.quota.grant(10, "for the test", NOW)
    return Bookkeeping(store)


def test_quota_is_reserved_once_for_the_previewed_plan(steps: Bookkeeping, store: Store) -> None:
    task = TaskRef(task_id=TASK, digest=store.tasks.get(TASK).digest)
    steps.reserve(task)
    steps.reserve(task)
    assert store.quota.balance() == 7


def test_a_plan_that_changed_since_its_preview_is_refused(steps: Bookkeeping, store: Store) -> None:
    with pytest.raises(ApplicationError, match="not the previewed") as caught:
        steps.reserve(TaskRef(task_id=TASK, digest="f" * 64))
    assert caught.value.non_retryable
    assert store.quota.balance() == 10


def test_settling_charges_what_was_deployed_and_refunds_the_rest(
    steps: Bookkeeping, store: Store
) -> None:
    steps.reserve(TaskRef(task_id=TASK, digest=store.tasks.get(TASK).digest))
    store.tasks.outcomes.begin(TASK, 0, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.finish(TASK, 0, OutcomeStatus.DEPLOYED, NOW, None)
    assert steps.skip(Skip(task_id=TASK, cause=CAUSE, at=NOW)) == 2
    for _ in range(2):
        tally = steps.settle(TaskAt(task_id=TASK, at=LATER))
        assert tally == Tally(deployed=1, skipped=2)
        assert store.quota.balance() == 9
    assert steps.tally(TASK) == Tally(deployed=1, skipped=2)


def test_what_several_changes_need_is_installed_once(steps: Bookkeeping) -> None:
    (needed,) = steps.installations(page(TASK))
    assert (needed.fingerprint, needed.account, needed.store) == (NEW, "main", "alibaba.cas/cn")
    assert needed.ordinal == 0
    assert needed.label == "new into alibaba.cas/cn of main"


def test_each_account_needs_its_own_installation(steps: Bookkeeping, store: Store) -> None:
    made = plan(1)
    both = made.model_copy(update={"changes": (change(0), change(0, account="other"))})
    store.tasks.create(record(both, "two", name="two accounts"), both)
    assert [each.account for each in steps.installations(page("two"))] == ["main", "other"]
    needed = steps.installations(page("two"))[1]
    failed = FailedInstallation(installation=needed, cause=CAUSE, at=LATER)
    assert steps.fail_installation(failed) == 1
    assert [o.status.value for o in store.tasks.outcomes.list("two")] == ["pending", "failed"]
    assert steps.fail_installation(failed) == 0


def test_installations_are_listed_a_few_at_a_time(steps: Bookkeeping, store: Store) -> None:
    made = plan(1)
    of = ("main", "other", "main", "third")
    changes = tuple(change(number, account=name) for number, name in enumerate(of))
    whole = made.model_copy(update={"changes": changes})
    store.tasks.create(record(whole, "many", name="many"), whole)
    first = steps.installations(page("many", limit=2))
    assert [(each.account, each.ordinal) for each in first] == [("main", 0), ("other", 1)]
    (third,) = steps.installations(page("many", after=first[-1].ordinal, limit=2))
    assert (third.account, third.ordinal) == ("third", 3)
    assert steps.installations(page("many", after=third.ordinal)) == []


def test_a_failed_installation_fails_what_waits_for_it_with_its_cause(
    steps: Bookkeeping, store: Store
) -> None:
    store.tasks.outcomes.begin(TASK, 0, OutcomeStatus.DEPLOYING, NOW)
    (needed,) = steps.installations(page(TASK))
    assert (
        steps.fail_installation(FailedInstallation(installation=needed, cause=CAUSE, at=NOW)) == 2
    )
    outcomes = store.tasks.outcomes.list(TASK)
    assert [o.status.value for o in outcomes] == ["deploying", "failed", "failed"]
    assert outcomes[1].cause == CAUSE
    assert steps.installations(page(TASK)) == []


def test_changes_that_need_none_are_passed_over(steps: Bookkeeping, store: Store) -> None:
    off = change(0).model_copy(update={"after": None})
    mixed = plan(1).model_copy(update={"changes": (off, change(1))})
    store.tasks.create(record(mixed, "mixed", name="mixed"), mixed)
    (needed,) = steps.installations(page("mixed"))
    assert needed.ordinal == 1
    assert (
        steps.fail_installation(FailedInstallation(installation=needed, cause=CAUSE, at=NOW)) == 1
    )
    assert store.tasks.outcomes.get("mixed", 0).status is OutcomeStatus.PENDING


@pytest.mark.parametrize("after", [None, Binding(name="theirs")])
def test_a_change_that_binds_nothing_of_ours_needs_no_installation(after: Binding | None) -> None:
    outcome = OutcomeRecord(
        task_id=TASK,
        ordinal=0,
        change=change().model_copy(update={"after": after}),
        status=OutcomeStatus.PENDING,
    )
    assert installation_for(outcome) is None


def test_a_certificate_without_a_name_is_labelled_by_its_fingerprint() -> None:
    unnamed = change().model_copy(update={"after": Binding(fingerprint=NEW)})
    outcome = OutcomeRecord(task_id=TASK, ordinal=0, change=unnamed, status=OutcomeStatus.PENDING)
    needed = installation_for(outcome)
    assert needed is not None
    assert needed.label.startswith(f"{NEW[:12]} into ")


def test_orders_come_page_by_page_in_the_order_of_the_plan(steps: Bookkeeping) -> None:
    def page(after: int, only: tuple[str, ...] | None = None) -> list[int]:
        wanted = OrdersAfter(
            task_id=TASK, after=after, limit=2, direction=Direction.DEPLOY, only=only
        )
        return [order.ordinal for order in steps.orders(wanted)]

    assert (page(-1), page(1), page(2)) == ([0, 1], [2], [])
    assert page(-1, (resource(2).id,)) == [2]


def test_orders_may_be_of_one_wave_only(steps: Bookkeeping, store: Store) -> None:
    made = plan(4)
    policy = Rollout(canary_resources=(resource(2).id,))
    waved = record(made, "waves", name="waves").model_copy(update={"rollout": policy})
    store.tasks.create(waved, made)

    def places(wave: int | None) -> list[int]:
        wanted = OrdersAfter(
            task_id="waves", after=-1, limit=9, direction=Direction.DEPLOY, wave=wave
        )
        return [order.ordinal for order in steps.orders(wanted)]

    assert (places(0), places(1), places(None)) == ([2], [0, 1, 3], [0, 1, 2, 3])


def test_only_named_changes_are_skipped_when_some_are_named(
    steps: Bookkeeping, store: Store
) -> None:
    skip = Skip(task_id=TASK, cause=CAUSE, at=LATER, only=(resource(1).id,))
    assert steps.skip(skip) == 1
    assert [o.status.value for o in store.tasks.outcomes.list(TASK)] == [
        "pending",
        "skipped",
        "pending",
    ]


def test_resources_that_are_none_of_the_tasks_are_named(steps: Bookkeeping) -> None:
    named = NamedResources(task_id=TASK, resources=(resource(1).id, "main/alibaba.cdn/other"))
    assert steps.unknown_resources(named) == ["main/alibaba.cdn/other"]


def test_a_status_is_recorded_and_the_same_again_changes_nothing(
    steps: Bookkeeping, store: Store
) -> None:
    running = StatusChange(task_id=TASK, status=TaskStatus.RUNNING, at=NOW)
    steps.record_status(running)
    steps.record_status(running.model_copy(update={"at": LATER}))
    assert store.tasks.get(TASK).status is TaskStatus.RUNNING
    assert store.tasks.get(TASK).started_at == NOW


def test_a_new_time_is_recorded(steps: Bookkeeping, store: Store) -> None:
    at = NOW + timedelta(days=3)
    steps.record_time(TaskAt(task_id=TASK, at=at))
    assert store.tasks.get(TASK).at == at


def test_events_make_up_the_audit_and_a_deletion_is_one(steps: Bookkeeping, store: Store) -> None:
    def event(kind: str, text: str) -> TaskEvent:
        return TaskEvent(task_id=TASK, at=NOW, kind=kind, by="eve", text=text)

    steps.record_event(event("rollback", "wrong names"))
    steps.delete(event("delete", "made in error"))
    assert [(e.kind, e.by, e.text) for e in store.tasks.events(TASK)] == [
        ("rollback", "eve", "wrong names"),
        ("deleted", "eve", "made in error"),
    ]
    assert store.tasks.list() == []


def test_a_task_that_is_unknown_is_not_retried(steps: Bookkeeping) -> None:
    with pytest.raises(ApplicationError) as caught:
        steps.record_status(StatusChange(task_id="no-such", status=TaskStatus.RUNNING, at=NOW))
    assert caught.value.non_retryable
    assert Cause.model_validate(caught.value.details[0]).code == "BadInput"
