"""Why outcomes are not as wanted, in groups: what needs somebody first, then the largest."""

from domain.cause import Cause
from domain.tasks.evidence import FailedAttempt
from domain.tasks.messages import Direction
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from tests.support.stored_examples import CAUSE, LATER, NOW, build_resource, create_task

S = OutcomeStatus
LOCKED = Cause(code="Locked", message="in arrears", needs_operator=True)


def ended(store: Store, ordinal: int, status: OutcomeStatus, cause: Cause | None = None) -> None:
    store.tasks.outcomes.begin_attempt("task-1", ordinal, S.DEPLOYING, NOW)
    store.tasks.outcomes.end_attempt("task-1", ordinal, status, NOW, cause)


def test_equal_causes_are_one_group_with_a_few_examples(store: Store) -> None:
    create_task(store, size=9)
    for ordinal in range(5):
        ended(store, ordinal, S.FAILED, CAUSE)
    ended(store, 5, S.FAILED, LOCKED)
    ended(store, 6, S.DEPLOYED)
    store.tasks.outcomes.skip(
        "task-1", [build_resource(7).id], NOW, Cause(code="stopped", message="no")
    )
    locked, not_served, stopped = store.cause_groups.list_groups("task-1")
    assert (locked.code, locked.needs_operator, locked.count) == ("Locked", True, 1)
    assert (not_served.code, not_served.count, not_served.status) == ("NotServed", 5, S.FAILED)
    assert (not_served.message, not_served.advice) == (CAUSE.message, CAUSE.advice)
    assert not_served.examples == tuple(build_resource(n).id for n in range(3))
    assert (stopped.code, stopped.status, stopped.count) == ("stopped", S.SKIPPED, 1)


def test_one_code_that_needs_somebody_only_in_part_is_two_groups(store: Store) -> None:
    create_task(store, size=3)
    ended(store, 0, S.FAILED, LOCKED.model_copy(update={"needs_operator": False}))
    ended(store, 1, S.FAILED, LOCKED)
    ended(store, 2, S.FAILED)
    assert [
        (g.code, g.needs_operator, g.examples) for g in store.cause_groups.list_groups("task-1")
    ] == [
        ("Locked", True, (build_resource(1).id,)),
        ("Locked", False, (build_resource(0).id,)),
        ("Unknown", False, (build_resource(2).id,)),
    ]


def test_a_rolled_back_change_is_a_problem_only_with_a_cause(store: Store) -> None:
    create_task(store, size=2)
    for ordinal, cause in enumerate([CAUSE, None]):
        ended(store, ordinal, S.DEPLOYED)
        store.tasks.outcomes.begin_attempt("task-1", ordinal, S.ROLLING_BACK, NOW)
        store.tasks.outcomes.end_attempt("task-1", ordinal, S.ROLLED_BACK, LATER, cause)
    (group,) = store.cause_groups.list_groups("task-1")
    assert (group.status, group.count) == (S.ROLLED_BACK, 1)


def test_a_task_that_went_well_has_no_causes(store: Store) -> None:
    create_task(store, size=1)
    ended(store, 0, S.DEPLOYED)
    assert store.cause_groups.list_groups("task-1") == []
    assert store.cause_groups.list_retrying("task-1") == []
    assert store.cause_groups.count_unverified("task-1") == 0


def test_retrying_changes_are_grouped_by_the_cause_of_the_last_attempt(store: Store) -> None:
    create_task(store, size=5)
    for ordinal in range(5):
        store.tasks.outcomes.begin_attempt("task-1", ordinal, S.DEPLOYING, NOW)
    busy = Cause(code="Throttling", message="slow down")
    for ordinal, cause in [(0, CAUSE), (0, busy), (1, busy), (2, CAUSE), (3, busy)]:
        store.evidence.add_attempt(
            FailedAttempt(
                task_id="task-1",
                ordinal=ordinal,
                direction=Direction.DEPLOY,
                number=1,
                at=NOW,
                cause=cause,
            )
        )
    store.tasks.outcomes.end_attempt("task-1", 3, S.DEPLOYED, NOW, None)
    slow, other = store.cause_groups.list_retrying("task-1")
    assert (slow.code, slow.count, slow.examples) == (
        "Throttling",
        2,
        (build_resource(0).id, build_resource(1).id),
    )
    assert (other.code, other.count) == ("NotServed", 1)
