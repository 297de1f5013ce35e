"""Daily schedules follow the settings, and the workflows they start do their work."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.notifications import expiry_watch
from domain.tasks.status import TaskStatus
from starter.temporal import daily_schedules
from tests.support.stack import Stack
from tests.workflows.test_expiry_watch import add_expiring
from workflows.reverification import WORKFLOW_ID

DAY = timedelta(days=1)
NAME = "a.example.com"


async def test_the_reverification_follows_its_setting_and_finds_drift(
    stack: Stack, quiet_engine: Client
) -> None:
    stack.seed_domains(NAME)
    new = stack.upload("new", NAME)
    stack.grant_quota(1)
    for every in (DAY, DAY, DAY / 2):
        settings = stack.settings.model_copy(update={"verify_every": every})
        await daily_schedules.ensure_reverification(quiet_engine, settings)
    handle = quiet_engine.get_schedule_handle(WORKFLOW_ID)
    made = (await handle.describe()).schedule
    assert [each.every for each in made.spec.intervals] == [DAY / 2]
    async with stack.run_worker(quiet_engine):
        task = await stack.wait_ended(await stack.create_task(quiet_engine, stack.build_plan(new)))
        assert task.status is TaskStatus.SUCCEEDED
        stack.rebind(NAME, stack.ca.leaf([NAME]))
        await handle.trigger()
        async with asyncio.timeout(60):
            while not stack.store.edge_drifts.list():
                await asyncio.sleep(0.05)
    (drift,) = stack.store.expiry.list_drifted().rows
    assert (drift.task_id, drift.address) == (task.id, stack.cloud.edge)
    for _ in range(2):
        off = stack.settings.model_copy(update={"verify_every": None})
        await daily_schedules.ensure_reverification(quiet_engine, off)
    async with asyncio.timeout(10):
        while [each async for each in await quiet_engine.list_schedules()]:
            await asyncio.sleep(0.05)


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback: one path takes messages, the other is gone."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


async def test_the_expiry_watch_follows_its_setting_and_notifies_contacts(
    stack: Stack, quiet_engine: Client, hook: HTTPServer
) -> None:
    add_expiring(stack, hook)
    settings = stack.settings
    for every in (DAY, DAY, 12 * DAY / 24):
        await daily_schedules.ensure_expiry_watch(
            quiet_engine, settings.model_copy(update={"expiry_watch": every})
        )
    handle = quiet_engine.get_schedule_handle(expiry_watch.WORKFLOW_ID)
    made = (await handle.describe()).schedule
    assert [each.every for each in made.spec.intervals] == [DAY / 2]
    async with stack.run_worker(quiet_engine):
        await handle.trigger()
        async with asyncio.timeout(60):
            while not any(request.path == "/ops" for request, _ in hook.log):
                await asyncio.sleep(0.05)
    for _ in range(2):
        await daily_schedules.ensure_expiry_watch(
            quiet_engine, settings.model_copy(update={"expiry_watch": None})
        )
    async with asyncio.timeout(10):
        while [each async for each in await quiet_engine.list_schedules()]:
            await asyncio.sleep(0.05)
