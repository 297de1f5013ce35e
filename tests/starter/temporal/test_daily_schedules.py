"""The schedule of the daily look follows the setting, and what it starts finds drift."""

import asyncio
from datetime import timedelta

from temporalio.client import Client

from domain.tasks.status import TaskStatus
from starter.temporal import verify_schedule
from tests.support.house import House
from workflows.reverification import WORKFLOW_ID

DAY = timedelta(days=1)
NAME = "a.example.com"


async def test_the_schedule_follows_the_setting_and_finds_drift(
    house: House, quiet_engine: Client
) -> None:
    house.domains(NAME)
    new = house.upload("new", NAME)
    house.grant(1)
    for every in (DAY, DAY, DAY / 2):
        settings = house.settings.model_copy(update={"verify_every": every})
        await verify_schedule.ensure(quiet_engine, settings)
    handle = quiet_engine.get_schedule_handle(WORKFLOW_ID)
    made = (await handle.describe()).schedule
    assert [each.every for each in made.spec.intervals] == [DAY / 2]
    async with house.working(quiet_engine):
        task = await house.ended(await house.create(quiet_engine, house.plan(new)))
        assert task.status is TaskStatus.SUCCEEDED
        house.rebind(NAME, house.ca.leaf([NAME]))
        await handle.trigger()
        async with asyncio.timeout(60):
            while not house.store.edge_drifts.list():
                await asyncio.sleep(0.05)
    (drift,) = house.store.expiry.drifted().rows
    assert (drift.task_id, drift.address) == (task.id, house.cloud.edge)
    for _ in range(2):
        off = house.settings.model_copy(update={"verify_every": None})
        await verify_schedule.ensure(quiet_engine, off)
    async with asyncio.timeout(10):
        while [each async for each in await quiet_engine.list_schedules()]:
            await asyncio.sleep(0.05)
