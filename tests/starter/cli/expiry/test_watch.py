"""`certroll expiry watch`: who is told of what, shown before it is done, and done once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer

from domain.resources.resource import Binding, DiscoveredResource
from tests.support.command_line import CommandLine
from tests.support.starter_examples import build_resource, store_account, store_task


@pytest.fixture
def receiver(certroll: CommandLine) -> Iterator[HTTPServer]:
    """Who gets what is posted; a certificate that ends in five days, and one contact."""
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


def test_it_prints_what_was_told_to_whom_and_tells_it_once(
    certroll: CommandLine, receiver: HTTPServer
) -> None:
    receiver.expect_request("/ops").respond_with_data("")
    certroll("contact", "add", "tasks", "--mail", "a@b.example", "--event", "finished")
    told = certroll("expiry", "watch").stdout
    assert told.splitlines()[1].split(maxsplit=1) == ["ops", "1 expiring"]
    assert "nothing new" in certroll("expiry", "watch").stdout
    assert certroll.json("expiry", "watch") == [{"contact": "ops", "told": {}, "error": None}]
    ((request, _),) = receiver.log
    assert request.get_json()["expiring"][0]["examples"] == ["main/alibaba.cdn/a.example.com"]


def test_a_dry_run_tells_nobody(certroll: CommandLine, receiver: HTTPServer) -> None:
    shown = certroll("expiry", "watch", "--dry-run")
    assert shown.stdout.startswith("to ops: certroll: 1 certificate has no task in time\n")
    assert "- abababababab ends in 5 days" in shown.stdout
    assert shown.stderr == "Nothing was sent.\n"
    (found,) = certroll.json("expiry", "watch", "--dry-run")
    assert (found["contact"], found["message"]["event"]) == ("ops", "expiring")
    assert receiver.log == []


def test_a_contact_that_cannot_be_told_is_code_3(
    certroll: CommandLine, receiver: HTTPServer
) -> None:
    receiver.expect_request("/ops").respond_with_data("", status=404)
    told = certroll("expiry", "watch", code=3).stdout
    assert "ops      nothing  WebhookRefused: the webhook answered 404" in told
    assert "expiring not told: WebhookRefused" in certroll("contact", "list").stdout


def test_without_contacts_nobody_is_told(certroll: CommandLine) -> None:
    assert "No contact takes expiring" in certroll("expiry", "watch").stderr
    assert certroll("expiry", "watch", "--dry-run").stderr == "There is nothing new to send.\n"


def test_a_task_shows_who_was_told_and_why_somebody_was_not(certroll: CommandLine) -> None:
    now, task = datetime.now(UTC), store_task(certroll)
    with certroll.store() as store:
        store.deliveries.record(task.id, "finished", "ops", False, "MailFailed: not taken", now)
        store.deliveries.record(task.id, "finished", "ops", True, "told", now)
        store.deliveries.record(task.id, "finished", "gone", False, "WebhookRefused: 404", now)
    shown = certroll("task", "show", task.id).stdout
    assert "ops      finished  told\n" in shown
    assert "gone     finished  not: WebhookRefused: 404\n" in shown
    told = certroll.json("task", "show", task.id)["notifications"]
    assert [(each["contact"], each["ok"]) for each in told] == [
        ("ops", False),
        ("ops", True),
        ("gone", False),
    ]
