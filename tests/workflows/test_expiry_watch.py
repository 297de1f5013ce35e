"""The watch on the real engine: who can be told is told, and who cannot holds up nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.resources.resource import Binding
from domain.tasks.messages import TASK_QUEUE
from tests.support.house import House
from workflows.expiry_watch import ExpiryWatch

DAY = timedelta(days=1)


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback: one path takes messages, the other is gone."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


def expiring(house: House, hook: HTTPServer) -> None:
    """A domain whose certificate ends in five days, and two contacts."""
    house.domains("a.example.com")
    (item,) = house.store.inventory.list()
    soon = Binding(fingerprint="ab" * 32, not_after=datetime.now(UTC) + 5 * DAY)
    house.store.inventory.record_binding(item.resource.id, soon, datetime.now(UTC))
    house.store.contacts.add("ops", "webhook", hook.url_for("/ops"))
    house.store.contacts.add("gone", "webhook", hook.url_for("/gone"))


async def test_who_can_be_told_is_told_and_the_other_holds_up_nobody(
    house: House, engine: Client, hook: HTTPServer
) -> None:
    expiring(house, hook)
    async with house.working(engine):
        gone, ops = await engine.execute_workflow(
            ExpiryWatch.run, id="watch-now", task_queue=TASK_QUEUE
        )
    assert (ops.contact, ops.told, ops.error) == ("ops", {"expiring": 1}, None)
    assert gone.error is not None
    assert (gone.contact, gone.told, gone.error.code) == ("gone", {}, "WebhookRefused")
    told = [request.get_json()["event"] for request, _ in hook.log if request.path == "/ops"]
    assert told == ["expiring"]
