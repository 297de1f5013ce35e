"""Each contact hears once of what expires, what has drifted, and which contact is unreachable."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from domain.certificates.keys import PrivateKey
from domain.errors import NeedsOperator
from domain.notifications.events import EventClass
from domain.notifications.expiry_watch import MAX_NOTICE
from domain.notifications.message import Message
from domain.resources.resource import Binding, DiscoveredResource
from domain.tasks.status import OutcomeStatus, TaskStatus
from operations.notifications.expiry_news import list_news, list_news_contacts, send_news
from storage.settings import Settings
from storage.store import Store
from tests.support.stored_examples import (
    NEW,
    NOW,
    OLD,
    build_account,
    build_certificate,
    build_plan,
    build_resource,
    build_task_record,
    create_task,
)

DAY = timedelta(days=1)
ENDS = NOW + 40 * DAY


@dataclass
class Watch:
    """Sends what is unsent to a contact; returns how many subjects of each event."""

    store: Store
    settings: Settings

    async def send(self, at: datetime, contact: str = "ops") -> dict[str, int]:
        return (await send_news(self.store, self.settings, contact, at)).sent


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback that receives the webhooks of contacts."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/hook").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


@pytest.fixture
def watch(store: Store, settings: Settings, hook: HTTPServer) -> Watch:
    """With a certificate on 30 resources, and one contact."""
    store.accounts.add(build_account(), {"k": "v"})
    old = Binding(fingerprint=OLD, name="old", names=("www.example.com",), not_after=ENDS)
    serve(store, range(30), old, NOW)
    store.contacts.add("ops", "webhook", hook.url_for("/hook"))
    return Watch(store, settings)


def serve(store: Store, numbers: range, binding: Binding, at: datetime) -> None:
    found = [
        DiscoveredResource(resource=build_resource(n), binding=binding, binding_known=True)
        for n in numbers
    ]
    store.inventory.upsert(found, at)


def messages(hook: HTTPServer) -> list[Message]:
    return [Message.model_validate(request.get_json()) for request, _ in hook.log]


def list_entries(message: Message) -> list[str]:
    """The first line of each entry."""
    return [line for line in message.body.splitlines() if line.startswith("- ")]


def list_numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


async def test_a_daily_run_for_two_months_sends_four_messages(
    watch: Watch, hook: HTTPServer
) -> None:
    for day in range(60):
        await watch.send(NOW + day * DAY)
    sent = messages(hook)
    assert [each.expiring[0].nearness for each in sent] == ["month", "week", "days", "expired"]
    assert [(each.at - NOW).days for each in sent] == [10, 33, 38, 40]
    (expiring,) = sent[0].expiring
    assert (expiring.fingerprint, expiring.resources, expiring.serve) == (OLD, 30, 30)
    for data in (OLD[:12], "2027-01-03 12:30 UTC", "www.example.com", "main/alibaba.cdn/host0"):
        assert all(data in each.body for each in sent)
    for each, days in zip(sent, ("30", "7", "2", None), strict=True):
        (entry,) = list_entries(each)
        assert [word for word in entry.split() if word.isdigit()] == ([days] if days else [])
        assert list_numbers(each.subject) == ["1"], "one certificate"
        assert " on 30 resources" in each.body
    assert "expired" in list_entries(sent[3])[0]


async def test_many_certificates_are_one_message(
    watch: Watch, store: Store, hook: HTTPServer
) -> None:
    for number in range(30):
        each = Binding(fingerprint=f"{number:064x}", not_after=NOW + 5 * DAY)
        serve(store, range(number, number + 1), each, NOW)
    assert await watch.send(NOW) == {"expiring": 30}
    (sent,) = messages(hook)
    assert len(sent.expiring) == 30
    assert list_numbers(sent.subject) == ["30"]
    *entries, rest = list_entries(sent)
    assert len(entries) == 20
    assert list_numbers(rest) == ["10"]
    assert await watch.send(NOW + DAY) == {}


async def test_a_certificate_that_a_task_replaces_is_sent_once_the_task_is_cancelled(
    watch: Watch, store: Store, hook: HTTPServer
) -> None:
    made = build_plan(30)
    store.tasks.create(build_task_record(made).model_copy(update={"at": ENDS - DAY}), made)
    assert await watch.send(ENDS - 5 * DAY) == {}
    store.tasks.set_status("task-1", TaskStatus.CANCELLED, NOW)
    assert await watch.send(ENDS - 5 * DAY) == {"expiring": 1}
    commands = messages(hook)[0].commands
    assert any(each.startswith("certroll certificate upload") for each in commands)


async def test_a_late_task_and_a_successor_are_sent_with_a_command(
    watch: Watch, store: Store, hook: HTTPServer
) -> None:
    new = build_certificate(name="shop-2027", fingerprint=NEW)
    store.certificates.add(new, PrivateKey(b"no key"))
    await watch.send(ENDS - 5 * DAY)
    assert (
        "certroll task create --certificate shop-2027 --all-matched" in messages(hook)[0].commands
    )
    made = build_plan(30)
    store.tasks.create(build_task_record(made).model_copy(update={"at": ENDS + DAY}), made)
    await watch.send(ENDS - DAY)
    late = messages(hook)[1]
    assert late.expiring[0].task == "task-1"
    about_task = [line for line in late.body.splitlines() if "task-1" in line]
    assert len(about_task) == 2, "the task is named beside the certificate, and in the command"
    assert 'certroll task reschedule task-1 --at "in 1h"' in late.commands


async def test_drift_is_sent_once(watch: Watch, store: Store, hook: HTTPServer) -> None:
    create_task(store, "task-1", size=2)
    for ordinal in range(2):
        store.tasks.outcomes.begin_attempt("task-1", ordinal, OutcomeStatus.DEPLOYING, NOW)
        store.tasks.outcomes.end_attempt("task-1", ordinal, OutcomeStatus.DEPLOYED, NOW, None)
    serve(store, range(2), Binding(fingerprint="ee" * 32, not_after=ENDS + 90 * DAY), NOW + DAY)
    assert await watch.send(NOW + DAY) == {"drifted": 2}
    assert await watch.send(NOW + 2 * DAY) == {}
    (sent,) = messages(hook)
    assert sent.event == "drifted"
    assert [(each.deployed, each.serves, each.task) for each in sent.drifted] == [
        (NEW, "ee" * 32, "task-1")
    ] * 2
    assert list_numbers(sent.subject) == ["2"]
    assert len(list_entries(sent)) == 2
    assert "host0.example.com" in list_entries(sent)[0]
    assert "e" * 12 in list_entries(sent)[0]
    (instead,) = {line for line in sent.body.splitlines() if NEW[:12] in line}
    assert "task-1" in instead


async def test_an_unreachable_contact_is_sent_to_the_others_until_it_works_again(
    watch: Watch, store: Store, hook: HTTPServer
) -> None:
    store.contacts.add("gone", "webhook", hook.url_for("/gone?token=very-secret"))
    create_task(store, "task-1")
    store.deliveries.record("task-1", "finished", "gone", False, "WebhookRefused: 404", NOW)
    assert list_news(store, "gone", NOW) == [], "the broken channel would carry it"
    assert await watch.send(NOW) == {"needs_operator": 1}
    store.deliveries.record("task-1", "rolled_back-1", "gone", False, "WebhookRefused: 404", NOW)
    assert await watch.send(NOW + DAY) == {}
    (sent,) = messages(hook)
    (entry,) = list_entries(sent)
    for data in ("gone", "finished", "task-1", "2026-11-24 12:30 UTC", "WebhookRefused: 404"):
        assert data in entry
    assert sent.commands == ("certroll contact test gone",)
    store.deliveries.record("task-1", "finished+1", "gone", True, "sent", NOW + DAY)
    store.deliveries.record("task-1", "finished+2", "gone", False, "404", NOW + DAY)
    assert await watch.send(NOW + DAY) == {"needs_operator": 1}


async def test_a_failure_is_recorded_without_the_address_and_sent_later(
    watch: Watch, store: Store, hook: HTTPServer
) -> None:
    store.contacts.add("gone", "webhook", hook.url_for("/gone?token=very-secret"))
    with pytest.raises(NeedsOperator) as caught:
        await watch.send(ENDS - DAY, "gone")
    last: Any = store.deliveries.get_latest()["gone"]
    assert caught.value.code == "WebhookRefused"
    assert (last.ok, last.event, last.task_id) == (False, "expiring", None)
    assert "very-secret" not in last.detail + str(caught.value)
    assert list_news(store, "gone", ENDS - DAY), "it is still unsent"


async def test_a_contact_gets_only_the_events_that_it_takes(
    watch: Watch, store: Store, hook: HTTPServer
) -> None:
    store.contacts.set_events("ops", [EventClass.FINISHED])
    assert list_news_contacts(store) == []
    assert await watch.send(ENDS - DAY) == {}
    assert hook.log == []


async def test_a_certificate_just_beyond_the_longest_notice_is_not_sent(
    watch: Watch, store: Store
) -> None:
    later = NOW + MAX_NOTICE + timedelta(minutes=30)
    serve(store, range(40, 41), Binding(fingerprint="ee" * 32, not_after=later), NOW)
    assert await watch.send(NOW) == {}
