"""Drafts: written anew as often as one likes, submitted once, and back if that fails."""

from datetime import timedelta

import pytest

from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.rollout.policy import RolloutPolicy, Size
from domain.tasks.record import DraftRequest, TaskRecord
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import (
    LATER,
    NEW,
    NOW,
    build_certificate,
    build_plan,
    build_task_record,
    create_task,
)

ASKED = DraftRequest(
    rollback_days=7, require_coverage=True, plan_request=PlanRequest(certificates=(NEW,))
)


def draft(of: Plan, **more: object) -> TaskRecord:
    made = build_task_record(of).model_copy(
        update={"status": TaskStatus.DRAFT, "draft": ASKED, **more}
    )
    return made.model_copy(update={"tally": Tally(pending=len(of.changes))})


def test_a_draft_comes_back_as_it_was(store: Store) -> None:
    store.tasks.create(draft(build_plan()), build_plan())
    assert store.tasks.get("task-1") == draft(build_plan())
    assert store.tasks.list(status=TaskStatus.DRAFT) == [draft(build_plan())]


def test_a_draft_can_be_saved_with_another_plan(store: Store) -> None:
    store.tasks.create(draft(build_plan()), build_plan())
    other = draft(build_plan(5), name="December", at=LATER, concurrency=3, contacts=())
    store.tasks.drafts.save(other, build_plan(5))
    assert store.tasks.get("task-1") == other
    assert store.tasks.get_plan("task-1") == build_plan(5)
    assert len(store.tasks.outcomes.list("task-1", status=OutcomeStatus.PENDING)) == 5


def test_the_changes_of_a_draft_stay_with_the_same_plan(store: Store) -> None:
    store.tasks.create(draft(build_plan()), build_plan())
    store.tasks.drafts.save(draft(build_plan(), name="December"), build_plan())
    assert store.tasks.find("December").tally == Tally(pending=3)


def test_its_waves_are_those_of_its_rollout_and_follow_an_edit_of_it(store: Store) -> None:
    def waves() -> list[int]:
        return [each.wave for each in store.tasks.outcomes.list("task-1")]

    store.tasks.create(draft(build_plan()), build_plan())
    assert waves() == [0, 0, 0]
    one_by_one = RolloutPolicy(
        waves=(Size(count=1), Size(count=1)), gate=True, budget=Size(percent=12.5)
    )
    edited = draft(build_plan(), rollout=one_by_one)
    store.tasks.drafts.save(edited, build_plan())
    assert waves() == [0, 1, 2]
    assert store.tasks.get("task-1") == edited
    with pytest.raises(BadInput, check=has_code("unknown-canary", "x")):
        store.tasks.drafts.save(
            draft(build_plan(), rollout=RolloutPolicy(canary_resources=("x",))), build_plan()
        )
    assert waves() == [0, 1, 2]
    assert store.tasks.get("task-1") == edited


def test_a_submitted_draft_is_a_task_like_any_other(store: Store) -> None:
    store.tasks.create(draft(build_plan()), build_plan())
    submitted = draft(build_plan(), status=TaskStatus.SCHEDULED, draft=None, at=LATER)
    store.tasks.drafts.save(submitted, build_plan())
    assert store.tasks.get("task-1") == submitted
    with pytest.raises(BadInput, check=has_code("not-a-draft", "scheduled")):
        store.tasks.drafts.save(submitted, build_plan())
    store.tasks.drafts.revert_to_draft(draft(build_plan()))
    back = store.tasks.get("task-1")
    assert (back.status, back.draft) == (TaskStatus.DRAFT, ASKED)


def test_a_save_that_fails_leaves_the_draft_unchanged(store: Store) -> None:
    store.tasks.create(draft(build_plan()), build_plan())
    create_task(store, "task-2")
    with pytest.raises(BadInput, check=has_code("name-taken", "name of task-2")):
        store.tasks.drafts.save(draft(build_plan(5), name="name of task-2"), build_plan(5))
    with pytest.raises(ValueError, match="plan"):
        store.tasks.drafts.save(draft(build_plan()), build_plan(4))
    assert store.tasks.get("task-1") == draft(build_plan())
    assert store.tasks.get_plan("task-1") == build_plan()
    store.tasks.delete("task-1", "me", "over", NOW)
    with pytest.raises(BadInput, check=has_code("not-a-draft", "deleted")):
        store.tasks.drafts.save(draft(build_plan()), build_plan())


def test_a_certificate_of_a_draft_can_be_deleted(store: Store) -> None:
    from domain.certificates.keys import PrivateKey

    store.certificates.add(build_certificate(), PrivateKey(b"no key"))
    until = NOW + timedelta(days=30)
    store.tasks.create(draft(build_plan(), rollback_until=until), build_plan())
    store.certificates.delete(NEW, now=NOW)
