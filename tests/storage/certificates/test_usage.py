"""Who uses a certificate: by the inventory, by what tasks did, by what tasks may have to do."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.plans.plan import Change, Plan
from domain.resources.resource import Binding, CertificateRef, DiscoveredResource, Resource
from domain.resources.retention import ResourceUse
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.certificates.usage import VANISHED_GRACE
from storage.store import Store
from tests.support.stored_examples import (
    CAUSE,
    NEW,
    NOW,
    build_account,
    build_task_record,
    mark_vanished,
)

A, B, C = "aa" * 32, "bb" * 32, "cc" * 32
CAS = "alibaba.cas/cn"
NAMES = {A: ("host0.example.com",), B: ("*.example.com",), C: ("other.test",)}
MINUTE = timedelta(minutes=1)
LONG_AFTER = NOW + timedelta(days=31)


def place(number: int = 0) -> Resource:
    name = f"host{number}.example.com"
    return Resource(account="main", service="alibaba.cdn", key=name, domains=(name,))


def binding(fingerprint: str | None, number: str | None = None) -> Binding:
    ref = number and CertificateRef(store=CAS, fields={"cert_id": number})
    return Binding(fingerprint=fingerprint, ref=ref or None)


def change(before: Binding | None, after: str, **more: Any) -> Change:
    made = Change(resource=place(), before=before, after=binding(after), store=CAS)
    return made.model_copy(update=more)


@pytest.fixture
def home(store: Store) -> Store:
    """A store with one account, and one resource whose binding was never read."""
    store.accounts.add(build_account(), {})
    store.inventory.upsert([DiscoveredResource(resource=place())], NOW)
    return store


class Tasks:
    """Tasks of one change each, one after the other."""

    def __init__(self, store: Store) -> None:
        self.store, self.made = store, 0

    def add(self, one: Change) -> str:
        self.made += 1
        after = one.after and one.after.fingerprint
        plan = Plan(certificates=(after or "",), changes=(one,))
        task_id = f"task-{self.made}"
        self.store.tasks.create(build_task_record(plan, task_id, name=task_id), plan)
        return task_id

    def run(self, one: Change, *ends: OutcomeStatus) -> str:
        """A task that has run, and perhaps been rolled back."""
        task_id, at = self.add(one), NOW + self.made * 10 * MINUTE
        outcomes = self.store.tasks.outcomes
        for number, end in enumerate(ends or (OutcomeStatus.DEPLOYED,)):
            back = end in (OutcomeStatus.ROLLED_BACK, OutcomeStatus.ROLLBACK_FAILED)
            begun = OutcomeStatus.ROLLING_BACK if back else OutcomeStatus.DEPLOYING
            outcomes.begin_attempt(task_id, 0, begun, at)
            outcomes.mark_applied(task_id, 0, number + 1)
            failed = end in (OutcomeStatus.FAILED, OutcomeStatus.ROLLBACK_FAILED)
            outcomes.end_attempt(task_id, 0, end, at + number * MINUTE, CAUSE if failed else None)
        self.store.tasks.set_status(task_id, TaskStatus.RUNNING, at)
        self.store.tasks.set_status(task_id, TaskStatus.SUCCEEDED, at)
        return task_id


@pytest.fixture
def tasks(home: Store) -> Tasks:
    return Tasks(home)


def only(store: Store, at: datetime = NOW) -> ResourceUse:
    """The one place that the inventory tells of."""
    (found,) = store.usage.list_serving("main", NAMES, at)
    return found


def past(store: Store) -> ResourceUse:
    """The one place that A or B was deployed to."""
    (found,) = store.usage.list_deployed("main", [A, B], NOW)
    return found


def test_what_a_resource_serves_and_has_served_is_listed_newest_first(
    home: Store, tasks: Tasks
) -> None:
    tasks.run(change(binding(C), A))
    tasks.run(change(binding(A), B))
    home.inventory.save_binding(place().id, binding(B, "7"), NOW)
    serving = ResourceUse(resource=place().id, account="main", store=CAS, now=binding(B))
    assert only(home) == serving
    assert past(home) == serving.model_copy(update={"served": (B, A, C)})


def test_resources_with_the_same_history_are_one_entry(home: Store, tasks: Tasks) -> None:
    home.inventory.upsert([DiscoveredResource(resource=place(n)) for n in range(3)], NOW)
    for number in range(3):
        home.inventory.save_binding(place(number).id, binding(A), NOW)
        tasks.run(change(binding(C), A, resource=place(number)))
    assert (only(home).resource, only(home).others) == (place(0).id, 2)
    assert (past(home).resource, past(home).others) == (place(0).id, 2)
    home.inventory.save_binding(place(2).id, binding(B), NOW)
    result = home.usage.list_deployed("main", [A], NOW)
    assert {(one.resource, one.others) for one in result} == {(place(0).id, 1), (place(2).id, 0)}


def test_a_rolled_back_certificate_was_served_before_the_former_one_again(
    home: Store, tasks: Tasks
) -> None:
    tasks.run(change(binding(A), B), OutcomeStatus.DEPLOYED, OutcomeStatus.ROLLED_BACK)
    home.inventory.save_binding(place().id, binding(A), NOW)
    assert past(home).served == (A, B)


def test_a_change_that_was_never_applied_has_no_part(home: Store, tasks: Tasks) -> None:
    task_id = tasks.add(change(binding(A), B))
    home.tasks.outcomes.begin_attempt(task_id, 0, OutcomeStatus.DEPLOYING, NOW)
    home.tasks.outcomes.end_attempt(task_id, 0, OutcomeStatus.FAILED, NOW, CAUSE)
    home.inventory.save_binding(place().id, binding(A), NOW)
    assert home.usage.list_deployed("main", [A, B], NOW) == []


@pytest.mark.parametrize("end", [OutcomeStatus.FAILED, OutcomeStatus.ROLLBACK_FAILED])
def test_after_an_unclear_end_the_binding_is_unknown_until_it_is_read(
    home: Store, tasks: Tasks, end: OutcomeStatus
) -> None:
    ends = (end,) if end is OutcomeStatus.FAILED else (OutcomeStatus.DEPLOYED, end)
    tasks.run(change(binding(A), B), *ends)
    home.inventory.save_binding(place().id, binding(A), NOW)
    assert not past(home).known
    home.inventory.save_binding(place().id, binding(A), NOW + timedelta(hours=1))
    assert past(home).known


def test_a_binding_that_no_handshake_can_verify_is_never_known(home: Store, tasks: Tasks) -> None:
    tasks.run(change(binding(A), B, unverifiable="nothing shows it"))
    home.inventory.save_binding(place().id, binding(B), NOW + timedelta(hours=1))
    assert not past(home).known


def test_a_resource_that_was_never_read_may_serve_what_covers_it(home: Store) -> None:
    found = only(home)
    assert (found.known, found.store) == (False, None)
    assert set(found.may_serve) == {A, B}


def test_a_resource_that_serves_a_certificate_without_fingerprint_is_listed(home: Store) -> None:
    home.inventory.save_binding(place().id, Binding(name="x"), NOW)
    assert only(home).now == Binding(name="x")
    home.inventory.save_binding(place().id, binding(NEW), NOW)
    assert home.usage.list_serving("main", NAMES, NOW) == []


def test_another_account_has_its_own(home: Store) -> None:
    assert home.usage.list_serving("other", NAMES, NOW) == []
    assert home.usage.list_deployed("other", [A, B], NOW) == []


def test_what_vanished_counts_for_a_while(home: Store, tasks: Tasks) -> None:
    tasks.run(change(binding(C), A))
    home.inventory.save_binding(place().id, binding(A), NOW)
    mark_vanished(home, "main", "alibaba.cdn", NOW + MINUTE)
    assert only(home).now == past(home).now == binding(A)
    later = NOW + VANISHED_GRACE + 2 * MINUTE
    assert home.usage.list_serving("main", NAMES, later) == []
    assert home.usage.list_deployed("main", [A], later) == []


def needed(store: Store, at: datetime = NOW) -> set[tuple[str | None, str]]:
    return {
        (one.binding.fingerprint, one.task) for one in store.usage.list_needs("main", [A, B], at)
    }


def test_a_task_that_has_work_to_do_needs_both_sides(home: Store, tasks: Tasks) -> None:
    tasks.add(change(binding(A), B))
    assert needed(home, LONG_AFTER) == {(A, "task 'task-1'"), (B, "task 'task-1'")}
    assert home.usage.is_deployed_by_open_task(B)
    assert not home.usage.is_deployed_by_open_task(A)
    home.tasks.delete("task-1", "me", "no", NOW)
    assert needed(home) == set()
    assert not home.usage.is_deployed_by_open_task(B)


def test_an_ended_task_needs_the_former_certificate_while_its_rollback_is_open(
    home: Store, tasks: Tasks
) -> None:
    tasks.run(change(binding(A), B))
    assert needed(home) == {(A, "task 'task-1'")}
    assert needed(home, LONG_AFTER) == set()
    assert not home.usage.is_deployed_by_open_task(B)


def test_a_change_that_was_not_applied_needs_no_rollback(home: Store, tasks: Tasks) -> None:
    task_id = tasks.add(change(binding(A), B))
    home.tasks.outcomes.skip(task_id, None, NOW, CAUSE)
    home.tasks.set_status(task_id, TaskStatus.CANCELLED, NOW)
    assert needed(home) == set()


def test_a_rollback_needs_a_certificate_known_by_reference_only(home: Store, tasks: Tasks) -> None:
    tasks.run(change(binding(None, "7"), B))
    (need,) = home.usage.list_needs("main", [A], NOW)
    assert (need.store, need.binding) == (CAS, binding(None, "7"))


def test_the_accounts_of_a_task_are_those_of_its_changes(home: Store, tasks: Tasks) -> None:
    assert home.usage.list_accounts(tasks.add(change(binding(A), B))) == ["main"]
    assert home.usage.list_accounts("none") == []
