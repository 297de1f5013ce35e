"""The schedule of the watch follows the setting, and what it starts tells contacts."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.notifications.expiry_watch import WORKFLOW_ID
from starter.temporal import watch_schedule
from tests.support.house import House
from tests.workflows.test_expiry_watch import expiring

DAY = timedelta(days=1)


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback: one path takes messages, the other is gone."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


async def test_the_schedule_follows_the_setting_and_starts_it(
    house: House, quiet_engine: Client, hook: HTTPServer
) -> None:
    expiring(house, hook)
    settings = house.settings
    for every in (DAY, DAY, 12 * DAY / 24):
        await watch_schedule.ensure(
            quiet_engine, settings.model_copy(update={"expiry_watch": every})
        )
    handle = quiet_engine.get_schedule_handle(WORKFLOW_ID)
    made = (await handle.describe()).schedule
    assert [each.every for each in made.spec.intervals] == [DAY / 2]
    async with house.working(quiet_engine):
        await handle.trigger()
        async with asyncio.timeout(60):
            while not any(request.path == "/ops" for request, _ in hook.log):
                await asyncio.sleep(0.05)
    for _ in range(2):
        await watch_schedule.ensure(
            quiet_engine, settings.model_copy(update={"expiry_watch": None})
        )
    async with asyncio.timeout(10):
        while [each async for each in await quiet_engine.list_schedules()]:
            await asyncio.sleep(0.05)
