"""Tasks: stored whole, found by what people say, moved only as the statuses allow."""

import time
from datetime import timedelta

import pytest

from domain.errors import BadInput
from domain.tasks.audit import TaskEventCode
from domain.tasks.record import TaskRecord
from domain.tasks.status import TASK_TRANSITIONS, Tally, TaskStatus
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import LATER, NOW, build_plan, build_task_record, create_task

S = TaskStatus


def test_a_task_and_its_plan_come_back_as_they_were(store: Store) -> None:
    made = build_plan(5)
    store.tasks.create(build_task_record(made), made)
    expected = build_task_record(made).model_copy(update={"tally": Tally(pending=5)})
    assert store.tasks.get("task-1") == expected
    assert store.tasks.get_plan("task-1") == made
    assert store.tasks.get_plan("task-1").digest == made.digest
    assert store.tasks.get("task-1").at.utcoffset() == timedelta(0)


def test_a_taken_id_or_name_is_refused_and_nothing_stored(store: Store) -> None:
    made = build_plan()
    store.tasks.create(build_task_record(made), made)
    with pytest.raises(BadInput, check=has_code("id-taken", "task-1")):
        store.tasks.create(build_task_record(made, name="other"), made)
    with pytest.raises(BadInput, check=has_code("name-taken", "November")):
        store.tasks.create(build_task_record(made, "task-2"), made)
    assert [task.id for task in store.tasks.list()] == ["task-1"]
    assert store.tasks.outcomes.list("task-2") == []


def test_the_name_of_a_deleted_task_is_free_again(store: Store) -> None:
    made = build_plan()
    store.tasks.create(build_task_record(made), made)
    store.tasks.delete("task-1", "me", "wrong", LATER)
    store.tasks.create(build_task_record(made, "task-2"), made)
    assert store.tasks.find("November").id == "task-2"
    assert store.tasks.find("task-1").deleted_at == LATER
    assert [task.id for task in store.tasks.list()] == ["task-2"]
    assert len(store.tasks.list(include_deleted=True)) == 2


def test_a_plan_that_is_not_the_records_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="plan"):
        store.tasks.create(build_task_record(build_plan(2)), build_plan(3))
    twice = build_plan(1)
    twice = twice.model_copy(update={"changes": twice.changes * 2})
    with pytest.raises(ValueError, match="resource"):
        store.tasks.create(build_task_record(twice), twice)
    assert store.tasks.list() == []


def test_one_is_found_by_id_name_or_beginning(store: Store) -> None:
    made = build_plan()
    for task_id, name in (("abc1", "first"), ("abe1", "abc"), ("x", "abc1")):
        store.tasks.create(build_task_record(made, task_id, name), made)
    assert store.tasks.find("abc1").id == "abc1"
    assert store.tasks.find("abc").id == "abe1"
    assert store.tasks.find("abe").id == "abe1"
    with pytest.raises(BadInput, check=has_code("ambiguous-task", "abc1 (first)", "abe1 (abc)")):
        store.tasks.find("ab")
    for asked in ("fist", "", "%"):
        with pytest.raises(BadInput, check=has_code("unknown-task")):
            store.tasks.find(asked)
    for call in (store.tasks.get, store.tasks.get_plan):
        with pytest.raises(BadInput):
            call("nothing")


def test_a_list_is_newest_first_and_narrowed(store: Store) -> None:
    made = build_plan()
    for number in range(3):
        base = build_task_record(made, f"t{number}", f"n{number}")
        created = NOW + timedelta(hours=number)
        store.tasks.create(base.model_copy(update={"created_at": created}), made)
    store.tasks.set_status("t1", S.RUNNING, NOW)
    assert [task.id for task in store.tasks.list()] == ["t2", "t1", "t0"]
    assert [task.id for task in store.tasks.list(limit=1)] == ["t2"]
    assert [task.id for task in store.tasks.list(status=S.RUNNING)] == ["t1"]
    assert store.tasks.list()[0].tally == Tally(pending=3)


def test_times_follow_the_statuses(store: Store) -> None:
    create_task(store)
    times = [NOW + timedelta(minutes=number) for number in range(6)]
    moves = (S.SCHEDULED, S.RUNNING, S.RUNNING, S.SUCCEEDED, S.ROLLING_BACK, S.ROLLED_BACK)
    seen: list[TaskRecord] = []
    for at, status in zip(times, moves, strict=True):
        store.tasks.set_status("task-1", status, at)
        seen.append(store.tasks.get("task-1"))
    assert [task.status for task in seen] == list(moves)
    assert [task.started_at for task in seen] == [None] + [times[1]] * 5
    assert [task.ended_at for task in seen] == [None] * 3 + [times[3]] * 2 + [times[5]]


@pytest.mark.parametrize("start", list(S))
def test_only_legal_transitions_are_made(store: Store, start: S) -> None:
    made = build_plan(1)
    for sought in S:
        base = build_task_record(made, sought.value, sought.value)
        store.tasks.create(base.model_copy(update={"status": start}), made)
        if sought is start or sought in TASK_TRANSITIONS[start]:
            store.tasks.set_status(sought.value, sought, NOW)
            assert store.tasks.get(sought.value).status is sought
        else:
            with pytest.raises(ValueError, match=f"{start}.*{sought}"):
                store.tasks.set_status(sought.value, sought, NOW)
            assert store.tasks.get(sought.value).status is start


def test_the_time_may_be_moved(store: Store) -> None:
    create_task(store)
    store.tasks.set_time("task-1", LATER)
    assert store.tasks.get("task-1").at == LATER
    with pytest.raises(BadInput):
        store.tasks.set_time("nothing", LATER)


def test_the_audit_log_records_who_did_what_and_deletes_once(store: Store) -> None:
    create_task(store)
    store.tasks.add_event("task-1", TaskEventCode.CREATED, "me", "3 changes", NOW)
    store.tasks.delete("task-1", "me", "not wanted", LATER)
    store.tasks.delete("task-1", "you", "again", LATER + timedelta(days=1))
    result = [(e.at, e.code, e.by, e.text) for e in store.tasks.list_events("task-1")]
    assert result == [
        (NOW, "created", "me", "3 changes"),
        (LATER, "deleted", "me", "not wanted"),
    ]
    assert store.tasks.get("task-1").deleted_at == LATER
    with pytest.raises(BadInput):
        store.tasks.delete("nothing", "me", "", NOW)


def test_ten_thousand_changes_are_stored_within_seconds(store: Store) -> None:
    made = build_plan(10_000)
    started = time.process_time()
    store.tasks.create(build_task_record(made), made)
    assert time.process_time() - started < 4
    assert store.tasks.outcomes.get_tally("task-1") == Tally(pending=10_000)


def test_an_identical_audit_event_is_added_once(store: Store) -> None:
    create_task(store)
    for _ in range(2):
        store.tasks.add_event("task-1", TaskEventCode.ROLLBACK, "ann", "why", NOW)
    store.tasks.add_event(
        "task-1", TaskEventCode.ROLLBACK, "ann", "why", NOW + timedelta(seconds=1)
    )
    assert len(store.tasks.list_events("task-1")) == 2
