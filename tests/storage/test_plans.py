"""Saved plans: the same when they come back, found by what people say, listed without changes."""

import time
import tracemalloc
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select

from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.request import PlanRequest
from domain.plans.saved import SavedPlan
from domain.tasks.status import TaskStatus
from storage.statements import get_table
from storage.store import Store
from storage.tables.planning import SavedChangeRow
from tests.support.refusals import has_code
from tests.support.stored_examples import NEW, NOW, build_account, build_change, build_plan
from tests.support.stored_examples import build_task_record as task_record

CHANGES, REFUSED, UNCHANGED = 5_000, 20_000, 50_000


def record(of: Plan, plan_id: str = "p1", name: str = "autumn", hours: int = 0) -> SavedPlan:
    return SavedPlan(
        id=plan_id,
        name=name,
        digest=of.digest,
        origin="created",
        plan_request=PlanRequest(certificates=(NEW,), all_matched=True),
        created_at=NOW + timedelta(hours=hours),
        created_by="root@host",
        changes=len(of.changes),
    )


def test_a_plan_comes_back_as_it_was(store: Store) -> None:
    refusal = Refusal(subject="main/alibaba.cdn/x", code=RefusalCode.NAMES, reason="not covered")
    made = build_plan(5).model_copy(update={"refusals": (refusal,)})
    store.plans.add(record(made), made)
    assert store.plans.find("p1") == record(made)
    assert store.plans.get_plan("p1") == made
    assert store.plans.get_plan("p1").digest == made.digest


def test_an_imported_plan_has_no_plan_request(store: Store) -> None:
    kept = record(build_plan()).model_copy(update={"plan_request": None, "origin": "imported"})
    store.plans.add(kept, build_plan())
    assert store.plans.find("autumn") == kept


def test_a_record_of_another_plan_is_refused(store: Store) -> None:
    for wrong in (build_plan(2), build_plan(4)):
        with pytest.raises(ValueError, match="plan"):
            store.plans.add(record(wrong), build_plan(3))
    assert store.plans.list() == []


def test_one_is_found_by_id_name_or_beginning(store: Store) -> None:
    for plan_id, name in (("abc1", "first"), ("abe1", "abc"), ("x1", "twice"), ("x2", "twice")):
        store.plans.add(record(build_plan(), plan_id, name), build_plan())
    assert store.plans.find("abc1").name == "first"
    assert store.plans.find("abc").id == "abe1"
    assert store.plans.find("abe").id == "abe1"
    with pytest.raises(BadInput, check=has_code("ambiguous-plan", "abc1 (first)", "abe1 (abc)")):
        store.plans.find("ab")
    with pytest.raises(BadInput, check=has_code("ambiguous-plan", "x1", "x2")):
        store.plans.find("twice")
    with pytest.raises(BadInput, check=has_code("unknown-plan", "first")):
        store.plans.find("fist")
    for asked in ("", "%"):
        with pytest.raises(BadInput, check=has_code("unknown-plan")):
            store.plans.find(asked)
    for call in (store.plans.get_plan, store.plans.delete):
        with pytest.raises(BadInput, check=has_code("unknown-plan", "abc")):
            call("abc")


def test_a_list_is_newest_first_and_reads_no_changes(store: Store) -> None:
    for number in range(3):
        store.plans.add(record(build_plan(number), f"p{number}", hours=number), build_plan(number))
    asked: list[str] = []
    engine = store.database._engine
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert [(each.id, each.changes) for each in store.plans.list()] == [
        ("p2", 2),
        ("p1", 1),
        ("p0", 0),
    ]
    assert [each.id for each in store.plans.list(limit=1)] == ["p2"]
    statements = [text for text in asked if "SELECT" in text]
    assert len(statements) == 2
    assert not [text for text in statements if "saved_change" in text or "saved_plan.plan," in text]


def test_a_deleted_one_leaves_no_changes_behind(store: Store) -> None:
    store.plans.add(record(build_plan()), build_plan())
    store.plans.add(record(build_plan(), "p2"), build_plan())
    store.plans.delete("p1")
    assert [each.id for each in store.plans.list()] == ["p2"]
    changes = get_table(SavedChangeRow)
    with store.database.read() as session:
        left = session.scalars(select(changes.c.plan_id).distinct()).all()
        assert (left, session.scalar(select(func.count()).select_from(changes))) == (["p2"], 3)


def test_listing_a_large_one_costs_no_more_than_a_small_one(store: Store) -> None:
    made = build_plan(20_000)
    kept = record(made)
    store.plans.add(kept, made)
    tracemalloc.start()
    began = time.process_time()
    assert store.plans.list() == [kept]
    assert time.process_time() - began < 0.5
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert store.plans.get_plan("p1").changes == made.changes


def large() -> Plan:
    refusals = [
        Refusal(
            subject=f"main/alibaba.cdn/r{n}", code=RefusalCode.NAMES, reason="no name covers it"
        )
        for n in range(REFUSED)
    ]
    return Plan(
        certificates=(NEW,),
        changes=tuple(build_change(number) for number in range(CHANGES)),
        refusals=tuple(refusals),
        unchanged=tuple(f"main/alibaba.cdn/u{n}" for n in range(UNCHANGED)),
    )


def test_a_task_of_thousands_is_stored_and_comes_back_in_order(store: Store) -> None:
    store.accounts.add(build_account(), {})
    made = large()
    store.tasks.create(task_record(made), made)
    again = store.tasks.get_plan("task-1")
    assert again == made
    assert again.digest == made.digest
    assert store.tasks.outcomes.get_tally("task-1").pending == CHANGES
    (listed,) = store.tasks.list()
    assert listed.status is TaskStatus.SCHEDULED
    first = store.tasks.outcomes.list_first_of_each_store("task-1", -1, 100)
    assert [each.ordinal for each in first] == [0]


def test_a_plan_of_thousands_is_saved_and_comes_back(store: Store) -> None:
    made = large()
    saved = SavedPlan(
        id="p1",
        name="large",
        digest=made.digest,
        origin="created",
        created_at=NOW,
        created_by="tester",
        changes=CHANGES,
    )
    store.plans.add(saved, made)
    assert store.plans.get_plan("p1") == made
