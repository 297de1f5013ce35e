"""Each contact is notified once of each event that it takes; failures are recorded."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pytest_httpserver import HTTPServer

from domain.errors import BadInput, NeedsOperator, Transient
from domain.notifications.events import EventClass
from domain.notifications.message import Message
from domain.tasks.audit import CERTROLL, TaskEventCode
from domain.tasks.status import OutcomeStatus
from operations.notifications import task_news
from operations.notifications.task_news import SENT
from storage.settings import Settings
from storage.store import Store
from tests.support.stored_examples import CAUSE, NOW, build_resource, create_task


@dataclass
class Notifier:
    """Notifies contacts of events of the task."""

    store: Store
    settings: Settings

    async def notify(self, event: str = "finished", contact: str = "ops") -> None:
        await task_news.notify(self.store, self.settings, "task-1", event, contact)


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback that receives the webhook of the contact."""
    with HTTPServer(host="127.0.0.1") as running:
        yield running


@pytest.fixture
def notifier(store: Store, settings: Settings, hook: HTTPServer) -> Notifier:
    """With one contact, and a task of which one change has failed."""
    create_task(store, "task-1", size=2)
    store.tasks.outcomes.begin_attempt("task-1", 1, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.end_attempt("task-1", 1, OutcomeStatus.FAILED, NOW, CAUSE)
    store.contacts.add("ops", "webhook", hook.url_for("/hook?token=very-secret"))
    return Notifier(store, settings)


def deliveries(store: Store) -> list[tuple[bool, str]]:
    return [(each.ok, each.detail) for each in store.deliveries.list("task-1")]


async def test_a_contact_is_notified_of_an_event_once(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook", method="POST").respond_with_data("")
    await notifier.notify()
    await notifier.notify()
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.task_id) == ("finished", "task-1")
    assert [(each.code, each.examples) for each in message.causes] == [
        (CAUSE.code, (build_resource(1).id,))
    ]
    assert CAUSE.message in message.body
    assert deliveries(store) == [(True, SENT)]


async def test_a_contact_is_notified_of_each_event(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    await notifier.notify()
    await notifier.notify(event="rolled_back-1")
    assert len(hook.log) == 2


async def test_a_failure_is_recorded_without_the_address_and_may_be_retried(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_ordered_request("/hook").respond_with_data("", status=503)
    hook.expect_ordered_request("/hook").respond_with_data("")
    with pytest.raises(Transient) as caught:
        await notifier.notify()
    assert "very-secret" not in str(caught.value)
    await notifier.notify()
    (failed, detail), delivered = deliveries(store)
    assert not failed
    assert "503" in detail
    assert "very-secret" not in detail
    assert delivered == (True, SENT)


async def test_a_webhook_that_is_gone_needs_an_operator(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("", status=404)
    with pytest.raises(NeedsOperator):
        await notifier.notify()
    assert [ok for ok, _ in deliveries(store)] == [False]


async def test_a_deleted_contact_is_refused(notifier: Notifier, store: Store) -> None:
    store.contacts.delete("ops")
    with pytest.raises(BadInput) as caught:
        await notifier.notify()
    assert caught.value.code == "unknown-contact"


def test_an_undelivered_event_is_recorded_in_the_audit_log_once(
    notifier: Notifier, store: Store
) -> None:
    for _ in range(2):  # Temporal repeats an activity whose result was lost
        task_news.record_undelivered(store, "task-1", "finished", "ops")
    (event,) = store.tasks.list_events("task-1")
    assert (event.code, event.by) == (TaskEventCode.NOTIFICATION_FAILED, CERTROLL)
    assert "ops" in event.text
    assert "finished" in event.text


async def test_a_contact_gets_only_the_events_that_it_takes(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    store.contacts.set_events("ops", [EventClass.ROLLED_BACK, EventClass.NEEDS_OPERATOR])
    await notifier.notify()
    assert hook.log == [], "nobody has to act on the failure"
    await notifier.notify(event="rolled_back-1")
    await notifier.notify(event="needs_operator-gate-0")
    events = [request.get_json()["event"] for request, _ in hook.log]
    assert events == ["rolled_back", "needs_operator"]


async def test_an_end_that_needs_an_operator_is_sent_once_to_who_takes_needs_operator(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    locked = CAUSE.model_copy(update={"needs_operator": True})
    store.tasks.outcomes.begin_attempt("task-1", 0, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.end_attempt("task-1", 0, OutcomeStatus.FAILED, NOW, locked)
    store.contacts.set_events("ops", [EventClass.NEEDS_OPERATOR])
    await notifier.notify()
    await notifier.notify()
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.occasion) == ("needs_operator", "finished")
    store.contacts.add("all", "webhook", hook.url_for("/hook"))
    await notifier.notify(contact="all")
    assert hook.log[1][0].get_json()["event"] == "finished", "and not twice for both classes"
    assert len(hook.log) == 2


async def test_an_end_after_an_automatic_rollback_is_sent_to_who_takes_rolled_back(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    store.contacts.set_events("ops", [EventClass.ROLLED_BACK])
    await notifier.notify()
    assert hook.log == []
    for status, end in [
        (OutcomeStatus.DEPLOYING, OutcomeStatus.DEPLOYED),
        (OutcomeStatus.ROLLING_BACK, OutcomeStatus.ROLLED_BACK),
    ]:
        store.tasks.outcomes.begin_attempt("task-1", 0, status, NOW)
        store.tasks.outcomes.end_attempt("task-1", 0, end, NOW, CAUSE)
    await notifier.notify()
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.occasion) == ("rolled_back", "finished")
    assert message.rollback is not None
    assert message.rollback.automatic


async def test_a_contact_of_the_expiry_watch_gets_nothing_of_a_task(
    notifier: Notifier, store: Store, hook: HTTPServer
) -> None:
    store.contacts.set_events("ops", [EventClass.EXPIRING])
    await notifier.notify("needs_operator-gate-0")
    await notifier.notify()
    assert hook.log == []
