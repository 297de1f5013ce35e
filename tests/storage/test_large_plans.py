"""Tasks and plans of many thousand changes, refusals and resources that are served already."""

from domain.plans.plan import Plan, Refusal
from domain.plans.saved import SavedPlan
from domain.tasks.status import TaskStatus
from storage.store import Store
from tests.storage.examples import NEW, NOW, account, change, record

CHANGES, REFUSED, UNCHANGED = 5_000, 20_000, 50_000


def large() -> Plan:
    refusals = [
        Refusal(subject=f"main/alibaba.cdn/r{n}", rule="names", reason="no name covers it")
        for n in range(REFUSED)
    ]
    return Plan(
        certificates=(NEW,),
        changes=tuple(change(number) for number in range(CHANGES)),
        refusals=tuple(refusals),
        unchanged=tuple(f"main/alibaba.cdn/u{n}" for n in range(UNCHANGED)),
    )


def test_a_task_of_thousands_is_stored_and_comes_back_in_order(store: Store) -> None:
    store.accounts.add(account(), {})
    plan = large()
    store.tasks.create(record(plan), plan)
    again = store.tasks.plan("task-1")
    assert again == plan
    assert again.digest == plan.digest
    assert store.tasks.outcomes.tally("task-1").pending == CHANGES
    (listed,) = store.tasks.list()
    assert listed.status is TaskStatus.SCHEDULED
    first = store.tasks.outcomes.first_of_each_store("task-1", -1, 100)
    assert [each.ordinal for each in first] == [0]


def test_a_plan_of_thousands_is_saved_and_comes_back(store: Store) -> None:
    plan = large()
    saved = SavedPlan(
        id="p1",
        name="large",
        digest=plan.digest,
        origin="created",
        created_at=NOW,
        created_by="tester",
        changes=CHANGES,
    )
    store.plans.add(saved, plan)
    assert store.plans.plan("p1") == plan
