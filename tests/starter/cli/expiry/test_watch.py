"""`certroll expiry watch` notifies each contact once; a dry run shows what it would send."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer

from domain.resources.resource import Binding, DiscoveredResource
from operations.notifications.task_news import SENT
from tests.support.command_line import CommandLine, list_lines
from tests.support.starter_examples import build_resource, store_account, store_task


@pytest.fixture
def receiver(certroll: CommandLine) -> Iterator[HTTPServer]:
    """Receives what is posted; there is a certificate that ends in five days, and one contact."""
    store_account(certroll)
    soon = Binding(fingerprint="ab" * 32, not_after=datetime.now(UTC) + timedelta(days=5, hours=1))
    found = [
        DiscoveredResource(
            resource=build_resource("a.example.com"), binding=soon, binding_known=True
        )
    ]
    with certroll.store() as store:
        store.inventory.upsert(found, datetime.now(UTC))
    with HTTPServer(host="127.0.0.1") as server:
        certroll("contact", "add", "ops", "--webhook", server.url_for("/ops"))
        yield server


def test_each_contact_is_notified_once_and_listed_with_what_was_sent(
    certroll: CommandLine, receiver: HTTPServer
) -> None:
    receiver.expect_request("/ops").respond_with_data("")
    certroll("contact", "add", "tasks", "--mail", "a@b.example", "--event", "finished")
    assert list_lines(certroll("expiry", "watch").stdout, "ops") == ["1 expiring"]
    (again,) = list_lines(certroll("expiry", "watch").stdout, "ops")
    assert "expiring" not in again
    assert certroll.json("expiry", "watch") == [{"contact": "ops", "sent": {}, "error": None}]
    ((request, _),) = receiver.log
    assert request.get_json()["expiring"][0]["examples"] == ["main/alibaba.cdn/a.example.com"]


def test_a_dry_run_shows_the_message_and_sends_nothing(
    certroll: CommandLine, receiver: HTTPServer
) -> None:
    (found,) = certroll.json("expiry", "watch", "--dry-run")
    message = found["message"]
    assert (found["contact"], message["event"]) == ("ops", "expiring")
    assert [each["fingerprint"] for each in message["expiring"]] == ["ab" * 32]
    text = certroll("expiry", "watch", "--dry-run").stdout
    assert text == f"to ops: {message['subject']}\n{message['body']}\n"
    assert any("ab" * 6 in line and " 5 days" in line for line in text.splitlines())
    assert receiver.log == []


def test_a_contact_that_cannot_be_notified_is_exit_code_3(
    certroll: CommandLine, receiver: HTTPServer
) -> None:
    receiver.expect_request("/ops").respond_with_data("", status=404)
    (report,) = certroll.json("expiry", "watch", code=3)
    assert (report["contact"], report["sent"]) == ("ops", {})
    assert report["error"]["code"] == "WebhookRefused"
    assert "404" in report["error"]["message"]
    (row,) = list_lines(certroll("expiry", "watch", code=3).stdout, "ops")
    assert "WebhookRefused" in row
    (contact,) = list_lines(certroll("contact", "list").stdout, "ops")
    assert "expiring" in contact
    assert "WebhookRefused" in contact


def test_without_contacts_nothing_is_sent(certroll: CommandLine) -> None:
    assert certroll.json("expiry", "watch") == []
    result = certroll("expiry", "watch")
    assert result.stdout == ""
    assert "certroll contact add" in result.stderr
    assert certroll.json("expiry", "watch", "--dry-run") == []
    assert certroll("expiry", "watch", "--dry-run").stdout == ""


def test_a_task_lists_its_notifications_and_why_one_failed(certroll: CommandLine) -> None:
    now, task = datetime.now(UTC), store_task(certroll)
    with certroll.store() as store:
        store.deliveries.record(task.id, "finished", "ops", False, "MailFailed: not taken", now)
        store.deliveries.record(task.id, "finished", "ops", True, SENT, now)
        store.deliveries.record(task.id, "finished", "gone", False, "WebhookRefused: 404", now)
    text = certroll("task", "show", task.id).stdout
    rows = [line.split()[3:] for line in text.splitlines() if " finished " in line]
    # The table has the last result of each contact, JSON has all.
    assert [row[:2] for row in rows] == [["ops", "finished"], ["gone", "finished"]]
    assert ["WebhookRefused:" in row for row in rows] == [False, True]
    assert "MailFailed" not in text
    notifications = certroll.json("task", "show", task.id)["notifications"]
    assert [(each["contact"], each["ok"]) for each in notifications] == [
        ("ops", False),
        ("ops", True),
        ("gone", False),
    ]
