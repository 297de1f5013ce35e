"""Deliveries are recorded by task or by subject, failed ones too."""

from storage.contacts.deliveries import Delivery
from storage.store import Store
from tests.support.stored_examples import LATER, NOW, create_task


def test_a_delivery_counts_once_it_arrived(store: Store) -> None:
    create_task(store)
    result = store.deliveries.is_delivered
    assert not result("task-1", "finished", "ops")
    store.deliveries.record("task-1", "finished", "ops", False, "refused", NOW)
    assert not result("task-1", "finished", "ops")
    store.deliveries.record("task-1", "finished", "ops", True, "250", LATER)
    assert result("task-1", "finished", "ops")
    assert not result("task-1", "rolled_back-1", "ops")
    assert not result("task-1", "finished", "other")
    assert [(one.ok, one.detail, one.at) for one in store.deliveries.list("task-1")] == [
        (False, "refused", NOW),
        (True, "250", LATER),
    ]
    assert isinstance(store.deliveries.list("task-1")[0], Delivery)


def test_a_delivery_is_recorded_once(store: Store) -> None:
    create_task(store)
    for at in (NOW, LATER):
        store.deliveries.record("task-1", "finished", "ops", True, "sent", at)
    assert [each.at for each in store.deliveries.list("task-1")] == [NOW]


def test_deliveries_without_a_task_are_found_by_subject(store: Store) -> None:
    store.deliveries.record_subjects("expiring", "ops", ["a/week", "b/week"], "sent", NOW)
    subjects = ["a/week", "a/last", "b/week", *(f"{n}/week" for n in range(1200))]
    assert store.deliveries.find_delivered("expiring", "ops", subjects) == {"a/week", "b/week"}
    assert store.deliveries.find_delivered("drifted", "ops", subjects) == set()
    assert store.deliveries.find_delivered("expiring", "other", subjects) == set()


def test_the_latest_attempt_for_each_contact_is_known(store: Store) -> None:
    create_task(store)
    store.deliveries.record("task-1", "finished", "ops", True, "sent", NOW)
    store.deliveries.record(None, "expiring", "ops", False, "503", LATER)
    store.deliveries.record_subjects("expiring", "team", ["a/week"], "sent", NOW)
    latest = store.deliveries.get_latest()
    assert {name: (each.ok, each.detail) for name, each in latest.items()} == {
        "ops": (False, "503"),
        "team": (True, "sent"),
    }


def test_a_new_contact_of_the_same_name_has_no_deliveries_by_subject(store: Store) -> None:
    create_task(store)
    store.contacts.add("ops", "mail", "a@b")
    store.deliveries.record_subjects("expiring", "ops", ["a/week"], "sent", NOW)
    store.deliveries.record("task-1", "finished", "ops", True, "sent", NOW)
    store.contacts.delete("ops")
    assert store.deliveries.find_delivered("expiring", "ops", ["a/week"]) == set()
    assert store.deliveries.is_delivered("task-1", "finished", "ops"), (
        "the report of a task keeps it"
    )
