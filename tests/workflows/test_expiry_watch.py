"""The expiry watch on a real server: a contact that fails does not delay the others."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.resources.resource import Binding
from domain.tasks.messages import TASK_QUEUE
from tests.support.stack import Stack
from workflows.expiry_watch import ExpiryWatch

DAY = timedelta(days=1)


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback: one path takes messages, the other is gone."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


def add_expiring(stack: Stack, hook: HTTPServer) -> None:
    """A domain whose certificate ends in five days, and two contacts."""
    stack.seed_domains("a.example.com")
    (item,) = stack.store.inventory.list()
    soon = Binding(fingerprint="ab" * 32, not_after=datetime.now(UTC) + 5 * DAY)
    stack.store.inventory.save_binding(item.resource.id, soon, datetime.now(UTC))
    stack.store.contacts.add("ops", "webhook", hook.url_for("/ops"))
    stack.store.contacts.add("gone", "webhook", hook.url_for("/gone"))


async def test_a_contact_that_fails_does_not_delay_the_others(
    stack: Stack, engine: Client, hook: HTTPServer
) -> None:
    add_expiring(stack, hook)
    async with stack.run_worker(engine):
        gone, ops = await engine.execute_workflow(
            ExpiryWatch.run, id="watch-now", task_queue=TASK_QUEUE
        )
    assert (ops.contact, ops.sent, ops.error) == ("ops", {"expiring": 1}, None)
    assert gone.error is not None
    assert (gone.contact, gone.sent, gone.error.code) == ("gone", {}, "WebhookRefused")
    reports = [request.get_json()["event"] for request, _ in hook.log if request.path == "/ops"]
    assert reports == ["expiring"]
