"""Contacts are told once; what cannot be told is recorded and fails nothing."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from temporalio.exceptions import ApplicationError

from activities.notification import Notice, Notifications
from domain.message import Message
from domain.status import OutcomeStatus
from storage.settings import Settings
from storage.store import Store
from tests.storage.examples import CAUSE, NOW, create, resource

NOTICE = Notice(task_id="task-1", event="ended", contact="ops")


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback, whose address the contact is."""
    with HTTPServer(host="127.0.0.1") as running:
        yield running


@pytest.fixture
def steps(store: Store, settings: Settings, hook: HTTPServer) -> Notifications:
    """The steps, with one contact and a task of which one change has failed."""
    create(store, "task-1", size=2)
    store.tasks.outcomes.begin("task-1", 1, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.finish("task-1", 1, OutcomeStatus.FAILED, NOW, CAUSE)
    store.contacts.add("ops", "webhook", hook.url_for("/hook?token=very-secret"))
    return Notifications(store, settings)


def deliveries(store: Store) -> list[tuple[bool, str]]:
    return [(each.ok, each.detail) for each in store.contacts.deliveries("task-1")]


async def test_a_contact_is_told_of_an_event_once(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook", method="POST").respond_with_data("")
    await steps.notify(NOTICE)
    await steps.notify(NOTICE)
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.task_id) == ("ended", "task-1")
    assert [cause.resource for cause in message.causes] == [resource(1).id]
    assert str(CAUSE) in message.body
    assert deliveries(store) == [(True, "told")]


async def test_another_event_is_told_again(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    await steps.notify(NOTICE)
    await steps.notify(NOTICE.model_copy(update={"event": "rolled_back-1"}))
    assert len(hook.log) == 2


async def test_a_failure_is_recorded_without_the_address_and_tried_again(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_ordered_request("/hook").respond_with_data("", status=503)
    hook.expect_ordered_request("/hook").respond_with_data("")
    with pytest.raises(ApplicationError) as caught:
        await steps.notify(NOTICE)
    assert not caught.value.non_retryable
    assert "very-secret" not in str(caught.value)
    await steps.notify(NOTICE)
    (failed, detail), told = deliveries(store)
    assert not failed
    assert "503" in detail
    assert "very-secret" not in detail
    assert told == (True, "told")


async def test_a_webhook_that_is_gone_is_not_tried_again(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("", status=404)
    with pytest.raises(ApplicationError) as caught:
        await steps.notify(NOTICE)
    assert caught.value.non_retryable
    assert [ok for ok, _ in deliveries(store)] == [False]


async def test_a_contact_that_was_deleted_meanwhile_is_not_tried_again(
    steps: Notifications, store: Store
) -> None:
    store.contacts.delete("ops")
    with pytest.raises(ApplicationError, match="ops") as caught:
        await steps.notify(NOTICE)
    assert caught.value.non_retryable


def test_giving_up_leaves_a_line_in_the_audit(steps: Notifications, store: Store) -> None:
    steps.give_up(NOTICE)
    steps.give_up(NOTICE)  # as the engine does when the first answer was lost
    (event,) = store.tasks.events("task-1")
    assert (event.kind, event.by) == ("not told", "certroll")
    assert event.text == "contact ops could not be told of ended"
