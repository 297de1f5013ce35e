"""Records each scenario on the real engine: for releases, never to quiet a replay that fails."""

import asyncio
import json
import logging
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.temporal.processes import temporal_binary
from storage.settings import Settings
from storage.store import Store
from tests.histories import FOLDER
from tests.support.factory import CA
from tests.support.house import House
from tests.support.practice_cloud import PracticeCloud
from tests.workflows.waving import in_waves, when
from workflows import search_attributes

Scenario = Callable[[House, Client], Awaitable[TaskRecord]]
SET = "SetCdnDomainSSLCertificate"
DAY = timedelta(days=1)
GATE = "the word to go on"


async def created(
    house: House, client: Client, resources: int = 3, delay: timedelta = timedelta()
) -> TaskRecord:
    house.domains(*(f"n{number:03}.example.com" for number in range(resources)))
    new = house.upload("new", "*.example.com")
    house.grant(resources)
    return await house.create(client, house.plan(new), name="recorded", delay=delay)


async def deployed(house: House, client: Client) -> TaskRecord:
    return await house.ended(await created(house, client))


async def rolled_back(house: House, client: Client) -> TaskRecord:
    task = await deployed(house, client)
    await tasks.rollback(client, task, None, "wrong chain", "recorder")
    return await house.settled(client, task, TaskStatus.ROLLED_BACK)


async def partly_rolled_back(house: House, client: Client) -> TaskRecord:
    return await part_taken_back(house, client, await deployed(house, client))


async def part_taken_back(house: House, client: Client, task: TaskRecord) -> TaskRecord:
    some = next(iter(house.outcomes(task).values())).change.resource.id
    await tasks.rollback(client, task, [some], "wrong chain", "recorder")
    return await house.settled(client, task, TaskStatus.PARTIALLY_ROLLED_BACK)


async def cancelled_while_waiting(house: House, client: Client) -> TaskRecord:
    task = await created(house, client, delay=DAY)
    await tasks.cancel(client, task, "wrong night", "recorder")
    await client.get_workflow_handle(workflow_id(task.id)).result()
    return task


async def partially_failed(house: House, client: Client) -> TaskRecord:
    house.cloud.fault("error", SET, resource="n001*", code="IllegalOperation", status=403)
    house.cloud.fault("throttle", SET, resource="n002*", count=2, retry_after_ms=50)
    return await deployed(house, client)


async def rescheduled(house: House, client: Client) -> TaskRecord:
    task = await created(house, client, delay=DAY)
    await tasks.reschedule(client, task, datetime.now(UTC) + 2 * DAY)
    await tasks.reschedule(client, task, datetime.now(UTC))
    return await house.ended(task)


async def deleted(house: House, client: Client) -> TaskRecord:
    task = await deployed(house, client)
    await tasks.delete(house.store, client, task, "tidy up", "recorder")
    await client.get_workflow_handle(workflow_id(task.id)).result()
    return task


async def continued(house: House, client: Client) -> TaskRecord:
    """Enough changes for the task to wait on with a history of its own."""
    task = await house.ended(await created(house, client, resources=64))
    return await part_taken_back(house, client, task)


async def at_gates(house: House, client: Client) -> TaskRecord:
    """Three waves; at the first gate one resource goes back."""
    task = await in_waves(house, client, gate=True, bake_seconds=1)
    await when(client, task, GATE)
    await tasks.rollback(client, task, [_first(house, task)], "old clients", "recorder")
    while house.store.tasks.get(task.id).tally.rolled_back == 0:
        await asyncio.sleep(0.05)
    await when(client, task, GATE)
    await tasks.proceed(client, task, "looks well", "recorder")
    while (await when(client, task, GATE)).wave == 1:
        await asyncio.sleep(0.05)
    await tasks.proceed(client, task, "still well", "recorder")
    task = await house.ended(task)
    await tasks.delete(house.store, client, task, "tidy up", "recorder")
    await client.get_workflow_handle(workflow_id(task.id)).result()
    return task


async def stopped(house: House, client: Client) -> TaskRecord:
    task = await in_waves(house, client, gate=True)
    await when(client, task, GATE)
    await tasks.stop(client, task, "enough", "recorder")
    return await house.ended(task)


async def breached(house: House, client: Client) -> TaskRecord:
    """The canary is never shown and goes back; the rest is skipped."""
    house.cloud.fault("unserved", SET, count=1)
    return await house.ended(await in_waves(house, client))


async def retried(house: House, client: Client) -> TaskRecord:
    """What a breach left is tried once more, in all its waves."""
    task = await breached(house, client)
    await tasks.retry(client, task, None, "edge repaired", "recorder")
    return await house.ended(task, TaskStatus.SUCCEEDED)


def _first(house: House, task: TaskRecord) -> str:
    return next(o for o in house.outcomes(task).values() if o.wave == 0).change.resource.id


SCENARIOS: tuple[Scenario, ...] = (
    deployed,
    rolled_back,
    partly_rolled_back,
    cancelled_while_waiting,
    partially_failed,
    rescheduled,
    deleted,
    continued,
    at_gates,
    stopped,
    breached,
    retried,
)


async def record(scenario: Scenario, client: Client, ca: CA) -> None:
    """Runs one scenario in a house of its own, and saves all runs of its workflow."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PracticeCloud(Path(folder), record=False, keep_state=False) as cloud,
        Store.open(settings := Settings(home=Path(folder, "home")), migrate=True) as store,
    ):
        house = House(settings, store, cloud, ca)
        house.add_account()
        async with house.working(client):
            task = await scenario(house, client)
    runs = await runs_of(client, workflow_id(task.id))
    for number, run in enumerate(runs, 1):
        path = FOLDER / f"{scenario.__name__}.{number}.json"
        events = (json.dumps(_anywhere(event)) for event in json.loads(run.to_json())["events"])
        path.write_text('{"events": [\n' + ",\n".join(events) + "\n]}\n")


def _anywhere(value: Any) -> Any:
    """Without stack traces: they name the folders of the machine that recorded."""
    if isinstance(value, dict):
        return {name: _anywhere(each) for name, each in value.items() if name != "stackTrace"}
    return list(map(_anywhere, value)) if isinstance(value, list) else value


async def runs_of(client: Client, workflow: str) -> list[WorkflowHistory]:
    """The histories of a workflow, from its first run to its latest."""
    runs: list[WorkflowHistory] = []
    run_id: str | None = None
    while run_id != "":
        handle = client.get_workflow_handle(workflow, run_id=run_id)
        runs.insert(0, await handle.fetch_history())
        started = runs[0].events[0].workflow_execution_started_event_attributes
        run_id = started.continued_execution_run_id
    return runs


async def main() -> None:
    """All scenarios; what was recorded before goes."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # failures are meant here
    for old in FOLDER.glob("*.json"):
        old.unlink()
    ca = CA("recorded")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary(),
        data_converter=pydantic_data_converter,
        identity="recorder",
        search_attributes=search_attributes.ALL,
        dev_server_extra_args=["--headless"],
        dev_server_log_level="error",
    ) as environment:
        for scenario in SCENARIOS:
            await record(scenario, environment.client, ca)


if __name__ == "__main__":
    asyncio.run(main())
