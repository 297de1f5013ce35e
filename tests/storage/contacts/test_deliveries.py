"""What was told is known, by task and by what else it was about; failures are kept as well."""

from storage.contacts.deliveries import Delivery
from storage.store import Store
from tests.support.stored_examples import LATER, NOW, create_task


def test_a_delivery_counts_once_it_arrived(store: Store) -> None:
    create_task(store)
    told = store.deliveries.is_delivered
    assert not told("task-1", "finished", "ops")
    store.deliveries.record("task-1", "finished", "ops", False, "refused", NOW)
    assert not told("task-1", "finished", "ops")
    store.deliveries.record("task-1", "finished", "ops", True, "250", LATER)
    assert told("task-1", "finished", "ops")
    assert not told("task-1", "rolled_back-1", "ops")
    assert not told("task-1", "finished", "other")
    assert [(one.ok, one.detail, one.at) for one in store.deliveries.list("task-1")] == [
        (False, "refused", NOW),
        (True, "250", LATER),
    ]
    assert isinstance(store.deliveries.list("task-1")[0], Delivery)


def test_a_delivery_is_recorded_once(store: Store) -> None:
    create_task(store)
    for at in (NOW, LATER):
        store.deliveries.record("task-1", "finished", "ops", True, "told", at)
    assert [each.at for each in store.deliveries.list("task-1")] == [NOW]


def test_deliveries_without_a_task_are_found_by_subject(store: Store) -> None:
    store.deliveries.record_subjects("expiring", "ops", ["a/week", "b/week"], "told", NOW)
    asked = ["a/week", "a/last", "b/week", *(f"{n}/week" for n in range(1200))]
    assert store.deliveries.find_delivered("expiring", "ops", asked) == {"a/week", "b/week"}
    assert store.deliveries.find_delivered("drifted", "ops", asked) == set()
    assert store.deliveries.find_delivered("expiring", "other", asked) == set()


def test_the_latest_attempt_for_each_contact_is_known(store: Store) -> None:
    create_task(store)
    store.deliveries.record("task-1", "finished", "ops", True, "told", NOW)
    store.deliveries.record(None, "expiring", "ops", False, "503", LATER)
    store.deliveries.record_subjects("expiring", "team", ["a/week"], "told", NOW)
    latest = store.deliveries.get_latest()
    assert {name: (each.ok, each.detail) for name, each in latest.items()} == {
        "ops": (False, "503"),
        "team": (True, "told"),
    }


def test_another_contact_of_the_same_name_knows_of_no_expiry(store: Store) -> None:
    create_task(store)
    store.contacts.add("ops", "mail", "a@b")
    store.deliveries.record_subjects("expiring", "ops", ["a/week"], "told", NOW)
    store.deliveries.record("task-1", "finished", "ops", True, "told", NOW)
    store.contacts.delete("ops")
    assert store.deliveries.find_delivered("expiring", "ops", ["a/week"]) == set()
    assert store.deliveries.is_delivered("task-1", "finished", "ops"), (
        "the report of a task keeps it"
    )
