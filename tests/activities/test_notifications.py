"""Contacts are told once; what cannot be told is recorded and fails nothing."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from temporalio.exceptions import ApplicationError

from activities.notifications import Notice, Notifications
from domain.notifications.events import EventClass
from domain.notifications.message import Message
from domain.tasks.status import OutcomeStatus
from storage.settings import Settings
from storage.store import Store
from tests.storage.examples import CAUSE, NOW, create, resource

NOTICE = Notice(task_id="task-1", event="finished", contact="ops")


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
    return [(each.ok, each.detail) for each in store.deliveries.of_task("task-1")]


async def test_a_contact_is_told_of_an_event_once(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook", method="POST").respond_with_data("")
    await steps.notify(NOTICE)
    await steps.notify(NOTICE)
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.task_id) == ("finished", "task-1")
    assert [(each.code, each.examples) for each in message.causes] == [
        (CAUSE.code, (resource(1).id,))
    ]
    assert CAUSE.message in message.body
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
    assert event.text == "contact ops could not be told of finished"


async def test_a_contact_is_told_only_of_what_it_chose(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    store.contacts.choose("ops", [EventClass.ROLLED_BACK, EventClass.NEEDS_OPERATOR])
    await steps.notify(NOTICE)
    assert hook.log == [], "nobody has to act on what has failed"
    await steps.notify(NOTICE.model_copy(update={"event": "rolled_back-1"}))
    await steps.notify(NOTICE.model_copy(update={"event": "needs_operator-gate-0"}))
    told = [request.get_json()["event"] for request, _ in hook.log]
    assert told == ["rolled_back", "needs_operator"]


async def test_who_wants_to_know_what_needs_somebody_is_told_of_such_an_end_once(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    locked = CAUSE.model_copy(update={"needs_operator": True})
    store.tasks.outcomes.begin("task-1", 0, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.finish("task-1", 0, OutcomeStatus.FAILED, NOW, locked)
    store.contacts.choose("ops", [EventClass.NEEDS_OPERATOR])
    await steps.notify(NOTICE)
    await steps.notify(NOTICE)
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.occasion) == ("needs_operator", "finished")
    store.contacts.add("all", "webhook", hook.url_for("/hook"))
    await steps.notify(NOTICE.model_copy(update={"contact": "all"}))
    assert hook.log[1][0].get_json()["event"] == "finished", "and not twice for both classes"
    assert len(hook.log) == 2


async def test_who_wants_to_know_of_rollbacks_is_told_of_what_a_task_has_taken_back_itself(
    steps: Notifications, store: Store, hook: HTTPServer
) -> None:
    hook.expect_request("/hook").respond_with_data("")
    store.contacts.choose("ops", [EventClass.ROLLED_BACK])
    await steps.notify(NOTICE)
    assert hook.log == []
    for status, end in [
        (OutcomeStatus.DEPLOYING, OutcomeStatus.DEPLOYED),
        (OutcomeStatus.ROLLING_BACK, OutcomeStatus.ROLLED_BACK),
    ]:
        store.tasks.outcomes.begin("task-1", 0, status, NOW)
        store.tasks.outcomes.finish("task-1", 0, end, NOW, CAUSE)
    await steps.notify(NOTICE)
    ((request, _),) = hook.log
    message = Message.model_validate(request.get_json())
    assert (message.event, message.occasion) == ("rolled_back", "finished")
    assert message.rollback is not None
    assert message.rollback.automatic
