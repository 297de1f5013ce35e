"""What expires and no task replaces in time, by certificate."""

from datetime import timedelta

from domain.certificates.keys import PrivateKey
from domain.resources.resource import Binding, DiscoveredResource
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.expiry.unreplaced import CertificateKey, UnreplacedResources
from storage.store import Store
from tests.support.stored_examples import (
    NOW,
    OLD,
    build_account,
    build_certificate,
    build_plan,
    build_resource,
    build_task_record,
)

DAY = timedelta(days=1)
SOON = NOW + 10 * DAY
KEY = CertificateKey(OLD, None, None)


def serving(store: Store, size: int = 3, **binding: object) -> list[str]:
    """So many resources that serve one certificate."""
    store.accounts.add(build_account(), {"k": "v"})
    result = Binding.model_validate({"fingerprint": OLD, "not_after": SOON, **binding})
    found = [
        DiscoveredResource(resource=build_resource(number), binding=result, binding_known=True)
        for number in range(size)
    ]
    store.inventory.upsert(found, NOW)
    return [each.resource.id for each in found]


def task(store: Store, name: str, size: int, **facts: object) -> TaskRecord:
    """A task that changes the first so many of them."""
    made = build_plan(size)
    result = build_task_record(made, name, name).model_copy(update=facts)
    store.tasks.create(result, made)
    return result


def left(store: Store) -> UnreplacedResources | None:
    return store.unreplaced.find(NOW + 30 * DAY, NOW).get(KEY)


def test_what_no_task_replaces_is_found_with_examples(store: Store) -> None:
    first, _, last = serving(store)
    assert store.unreplaced.find(NOW + 30 * DAY, NOW) == {
        KEY: UnreplacedResources(3, (first, last), None)
    }
    assert store.unreplaced.find(NOW + 9 * DAY, NOW) == {}


def test_what_a_task_will_replace_in_time_is_not(store: Store) -> None:
    _, _, last = serving(store)
    task(store, "t1", 2, at=SOON - DAY)
    assert left(store) == UnreplacedResources(1, (last,), None)
    task(store, "t2", 3, at=SOON - DAY)
    assert left(store) is None


def test_a_task_that_comes_too_late_is_named(store: Store) -> None:
    serving(store)
    task(store, "late", 3, at=SOON + DAY)
    found = left(store)
    assert found is not None
    assert (found.resources, found.task) == (3, "late")
    task(store, "in-time", 3, at=SOON - DAY)
    assert left(store) is None


def test_drafts_and_cancelled_deleted_or_finished_tasks_replace_nothing(store: Store) -> None:
    serving(store, 1)
    task(store, "draft", 1, status=TaskStatus.DRAFT)
    task(store, "called-off", 1)
    store.tasks.set_status("called-off", TaskStatus.CANCELLED, NOW)
    task(store, "gone", 1)
    store.tasks.delete("gone", "ada", "no", NOW)
    task(store, "failed", 1, status=TaskStatus.RUNNING)
    store.tasks.outcomes.begin_attempt("failed", 0, OutcomeStatus.DEPLOYING, NOW)
    assert left(store) is None, "it is being changed right now"
    store.tasks.outcomes.end_attempt("failed", 0, OutcomeStatus.FAILED, NOW, None)
    assert left(store) is not None


def test_in_the_last_days_an_overdue_task_replaces_nothing(store: Store) -> None:
    serving(store, 1)
    task(store, "stands-still", 1, status=TaskStatus.RUNNING, at=NOW)
    assert store.unreplaced.find(NOW + 30 * DAY, NOW + 5 * DAY) == {}
    assert KEY in store.unreplaced.find(NOW + 30 * DAY, SOON - DAY)


def test_an_expired_certificate_is_reported_despite_a_task(store: Store) -> None:
    serving(store, 1)
    task(store, "scheduled", 1, at=SOON - timedelta(minutes=1))
    assert KEY in store.unreplaced.find(SOON + 30 * DAY, SOON)


def test_a_certificate_known_by_name_only_is_found_too(store: Store) -> None:
    serving(store, 2, fingerprint=None, name="by name")
    (key,) = store.unreplaced.find(NOW + 30 * DAY, NOW)
    assert key == CertificateKey(None, "by name", SOON)


def test_the_lifetimes_of_our_certificates_are_known(store: Store) -> None:
    store.certificates.add(build_certificate(fingerprint=OLD), PrivateKey(b"no key"))
    assert store.unreplaced.get_lifetimes([OLD, "ff" * 32]) == {OLD: 91 * DAY}
