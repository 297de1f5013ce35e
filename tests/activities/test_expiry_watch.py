"""The watch tells each contact once what expires, what has drifted, and whose channel is broken."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from temporalio.exceptions import ApplicationError

from activities.expiry_watch import Watcher, Watching
from domain.certificates.keys import PrivateKey
from domain.notifications.events import EventClass
from domain.notifications.message import Message
from domain.resources.resource import Binding, Found
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.settings import Settings
from storage.store import Store
from tests.storage.examples import (
    NEW,
    NOW,
    OLD,
    account,
    certificate,
    create,
    plan,
    record,
    resource,
)

DAY = timedelta(days=1)
ENDS = NOW + 40 * DAY


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback, where contacts are told."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/hook").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


@pytest.fixture
def watching(store: Store, settings: Settings, hook: HTTPServer) -> Watching:
    """The steps, with a certificate on 30 resources, and one contact."""
    store.accounts.add(account(), {"k": "v"})
    old = Binding(fingerprint=OLD, name="old", names=("www.example.com",), not_after=ENDS)
    serve(store, range(30), old, NOW)
    store.contacts.add("ops", "webhook", hook.url_for("/hook"))
    return Watching(store, settings)


def serve(store: Store, numbers: range, binding: Binding, at: datetime) -> None:
    found = [Found(resource=resource(n), binding=binding, binding_known=True) for n in numbers]
    store.inventory.upsert(found, at)


async def told(watching: Watching, at: datetime, contact: str = "ops") -> dict[str, int]:
    return (await watching.tell_news(Watcher(contact=contact, at=at))).told


def messages(hook: HTTPServer) -> list[Message]:
    return [Message.model_validate(request.get_json()) for request, _ in hook.log]


async def test_two_months_of_daily_looks_tells_four_times(
    watching: Watching, hook: HTTPServer
) -> None:
    for day in range(60):
        await told(watching, NOW + day * DAY)
    sent = messages(hook)
    assert [each.expiring[0].nearness for each in sent] == ["month", "week", "days", "expired"]
    assert [(each.at - NOW).days for each in sent] == [10, 33, 38, 40]
    assert sent[0].subject == "certroll: 1 certificate has no task in time"
    (expiring,) = sent[0].expiring
    assert (expiring.fingerprint, expiring.resources, expiring.serve) == (OLD, 30, 30)
    assert "- cdcdcdcdcdcd old ends in 30 days, 2027-01-03 12:30 UTC\n" in sent[0].body
    assert "  for www.example.com\n  on 30 resources: main/alibaba.cdn/host0" in sent[0].body
    assert "- cdcdcdcdcdcd old has ended, 2027-01-03 12:30 UTC\n" in sent[3].body


async def test_many_certificates_are_one_message(
    watching: Watching, store: Store, hook: HTTPServer
) -> None:
    for number in range(30):
        each = Binding(fingerprint=f"{number:064x}", not_after=NOW + 5 * DAY)
        serve(store, range(number, number + 1), each, NOW)
    assert await told(watching, NOW) == {"expiring": 30}
    (sent,) = messages(hook)
    assert sent.body.count("\n- ") == 21
    assert "- and 10 more certificates\n" in sent.body
    assert len(sent.expiring) == 30
    assert await told(watching, NOW + DAY) == {}


async def test_what_a_task_replaces_in_time_is_told_once_that_is_called_off(
    watching: Watching, store: Store, hook: HTTPServer
) -> None:
    made = plan(30)
    store.tasks.create(record(made).model_copy(update={"at": ENDS - DAY}), made)
    assert await told(watching, ENDS - 5 * DAY) == {}
    store.tasks.set_status("task-1", TaskStatus.CANCELLED, NOW)
    assert await told(watching, ENDS - 5 * DAY) == {"expiring": 1}
    assert "certroll certificate upload" in messages(hook)[0].body


async def test_a_task_that_comes_too_late_and_a_successor_are_told_with_a_command(
    watching: Watching, store: Store, hook: HTTPServer
) -> None:
    new = certificate(name="shop-2027", fingerprint=NEW)
    store.certificates.add(new, PrivateKey(b"no key"))
    await told(watching, ENDS - 5 * DAY)
    assert (
        "certroll task create --certificate shop-2027 --all-matched" in messages(hook)[0].commands
    )
    made = plan(30)
    store.tasks.create(record(made).model_copy(update={"at": ENDS + DAY}), made)
    await told(watching, ENDS - DAY)
    late = messages(hook)[1]
    assert "Task task-1 replaces it, but too late.\n" in late.body
    assert 'certroll task reschedule task-1 --at "in 1h"' in late.commands


async def test_drift_is_told_once(watching: Watching, store: Store, hook: HTTPServer) -> None:
    create(store, "task-1", size=2)
    for ordinal in range(2):
        store.tasks.outcomes.begin("task-1", ordinal, OutcomeStatus.DEPLOYING, NOW)
        store.tasks.outcomes.finish("task-1", ordinal, OutcomeStatus.DEPLOYED, NOW, None)
    serve(store, range(2), Binding(fingerprint="ee" * 32, not_after=ENDS + 90 * DAY), NOW + DAY)
    assert await told(watching, NOW + DAY) == {"drifted": 2}
    assert await told(watching, NOW + 2 * DAY) == {}
    (sent,) = messages(hook)
    assert (sent.event, sent.subject) == ("drifted", "certroll: 2 resources have drifted")
    assert "host0.example.com serves eeeeeeeeeeee\n  instead of abababababab of task task-1" in (
        sent.body
    )


async def test_a_broken_channel_is_told_to_the_others_until_it_works_again(
    watching: Watching, store: Store, hook: HTTPServer
) -> None:
    store.contacts.add("gone", "webhook", hook.url_for("/gone?token=very-secret"))
    create(store, "task-1")
    store.deliveries.record("task-1", "finished", "gone", False, "WebhookRefused: 404", NOW)
    assert watching.news("gone", NOW) == [], "it would be told by the broken channel"
    assert await told(watching, NOW) == {"needs_operator": 1}
    store.deliveries.record("task-1", "rolled_back-1", "gone", False, "WebhookRefused: 404", NOW)
    assert await told(watching, NOW + DAY) == {}
    (sent,) = messages(hook)
    assert "- gone: finished of task task-1, 2026-11-24 12:30 UTC: WebhookRefused: 404" in sent.body
    assert sent.commands == ("certroll contact test gone",)
    store.deliveries.record("task-1", "finished+1", "gone", True, "told", NOW + DAY)
    store.deliveries.record("task-1", "finished+2", "gone", False, "404", NOW + DAY)
    assert await told(watching, NOW + DAY) == {"needs_operator": 1}


async def test_a_failure_is_recorded_without_the_address_and_told_later(
    watching: Watching, store: Store, hook: HTTPServer
) -> None:
    store.contacts.add("gone", "webhook", hook.url_for("/gone?token=very-secret"))
    with pytest.raises(ApplicationError) as caught:
        await told(watching, ENDS - DAY, "gone")
    assert caught.value.non_retryable
    last: Any = store.deliveries.latest()["gone"]
    assert (last.ok, last.event, last.task_id) == (False, "expiring", None)
    assert "very-secret" not in last.detail + str(caught.value)
    assert watching.news("gone", ENDS - DAY), "it does not know it yet"


async def test_a_contact_is_told_only_of_what_it_chose(
    watching: Watching, store: Store, hook: HTTPServer
) -> None:
    store.contacts.choose("ops", [EventClass.FINISHED])
    assert watching.watchers() == []
    assert await told(watching, ENDS - DAY) == {}
    assert hook.log == []
