"""Records each scenario on a real server: for releases, never to silence a failing replay."""

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

from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.temporal.processes import find_temporal_binary
from storage.settings import Settings
from storage.store import Store
from tests.histories import FOLDER
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud
from tests.support.stack import Stack
from tests.support.waves import create_in_waves, wait_until
from workflows import search_attributes

Scenario = Callable[[Stack, Client], Awaitable[TaskRecord]]
SET = "SetCdnDomainSSLCertificate"
DAY = timedelta(days=1)
GATE = "`proceed` after"


async def create(
    stack: Stack, client: Client, resources: int = 3, delay: timedelta = timedelta()
) -> TaskRecord:
    stack.seed_domains(*(f"n{number:03}.example.com" for number in range(resources)))
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(resources)
    return await stack.create_task(client, stack.build_plan(new), name="recorded", delay=delay)


async def deployed(stack: Stack, client: Client) -> TaskRecord:
    return await stack.wait_ended(await create(stack, client))


async def rolled_back(stack: Stack, client: Client) -> TaskRecord:
    task = await deployed(stack, client)
    await tasks.rollback(client, task, None, "wrong chain", "recorder")
    return await stack.wait_settled(client, task, TaskStatus.ROLLED_BACK)


async def partly_rolled_back(stack: Stack, client: Client) -> TaskRecord:
    return await roll_back_one(stack, client, await deployed(stack, client))


async def roll_back_one(stack: Stack, client: Client, task: TaskRecord) -> TaskRecord:
    some = next(iter(stack.list_outcomes(task).values())).change.resource.id
    await tasks.rollback(client, task, [some], "wrong chain", "recorder")
    return await stack.wait_settled(client, task, TaskStatus.PARTIALLY_ROLLED_BACK)


async def cancelled_while_waiting(stack: Stack, client: Client) -> TaskRecord:
    task = await create(stack, client, delay=DAY)
    await tasks.cancel(client, task, "wrong night", "recorder")
    await client.get_workflow_handle(build_workflow_id(task.id)).result()
    return task


async def partially_failed(stack: Stack, client: Client) -> TaskRecord:
    stack.cloud.add_fault("error", SET, resource="n001*", code="IllegalOperation", status=403)
    stack.cloud.add_fault("throttle", SET, resource="n002*", count=2, retry_after_ms=50)
    return await deployed(stack, client)


async def rescheduled(stack: Stack, client: Client) -> TaskRecord:
    task = await create(stack, client, delay=DAY)
    await tasks.reschedule(client, task, datetime.now(UTC) + 2 * DAY)
    await tasks.reschedule(client, task, datetime.now(UTC))
    return await stack.wait_ended(task)


async def deleted(stack: Stack, client: Client) -> TaskRecord:
    task = await deployed(stack, client)
    await tasks.delete(stack.store, client, task, "tidy up", "recorder")
    await client.get_workflow_handle(build_workflow_id(task.id)).result()
    return task


async def continued(stack: Stack, client: Client) -> TaskRecord:
    """Enough changes that the task continues as new before it waits."""
    task = await stack.wait_ended(await create(stack, client, resources=64))
    return await roll_back_one(stack, client, task)


async def at_gates(stack: Stack, client: Client) -> TaskRecord:
    """Three waves; at the first gate one resource is rolled back."""
    task = await create_in_waves(stack, client, gate=True, bake_seconds=1)
    await wait_until(client, task, GATE)
    await tasks.rollback(client, task, [_find_canary(stack, task)], "old clients", "recorder")
    while stack.store.tasks.get(task.id).tally.rolled_back == 0:
        await asyncio.sleep(0.05)
    await wait_until(client, task, GATE)
    await tasks.proceed(client, task, "looks well", "recorder")
    while (await wait_until(client, task, GATE)).wave == 1:
        await asyncio.sleep(0.05)
    await tasks.proceed(client, task, "still well", "recorder")
    task = await stack.wait_ended(task)
    await tasks.delete(stack.store, client, task, "tidy up", "recorder")
    await client.get_workflow_handle(build_workflow_id(task.id)).result()
    return task


async def stopped(stack: Stack, client: Client) -> TaskRecord:
    task = await create_in_waves(stack, client, gate=True)
    await wait_until(client, task, GATE)
    await tasks.stop(client, task, "enough", "recorder")
    return await stack.wait_ended(task)


async def over_budget(stack: Stack, client: Client) -> TaskRecord:
    """The canary is never served and is rolled back; the rest is skipped."""
    stack.cloud.add_fault("unserved", SET, count=1)
    return await stack.wait_ended(await create_in_waves(stack, client))


async def retried(stack: Stack, client: Client) -> TaskRecord:
    """A task over its budget is retried, in all its waves."""
    task = await over_budget(stack, client)
    await tasks.retry(client, task, None, "edge repaired", "recorder")
    return await stack.wait_ended(task, TaskStatus.SUCCEEDED)


def _find_canary(stack: Stack, task: TaskRecord) -> str:
    return next(o for o in stack.list_outcomes(task).values() if o.wave == 0).change.resource.id


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
    over_budget,
    retried,
)


async def record(scenario: Scenario, client: Client, ca: CA) -> None:
    """Runs one scenario in a stack of its own, and saves all runs of its workflow."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PracticeCloud(Path(folder), record=False, keep_state=False) as cloud,
        Store.open(settings := Settings(home=Path(folder, "home")), migrate=True) as store,
    ):
        stack = Stack(settings, store, cloud, ca)
        stack.add_account()
        async with stack.run_worker(client):
            task = await scenario(stack, client)
    runs = await list_runs(client, build_workflow_id(task.id))
    for number, run in enumerate(runs, 1):
        path = FOLDER / f"{scenario.__name__}.{number}.json"
        events = (
            json.dumps(_without_stack_traces(event))
            for event in json.loads(run.to_json())["events"]
        )
        path.write_text('{"events": [\n' + ",\n".join(events) + "\n]}\n")


def _without_stack_traces(value: Any) -> Any:
    """The value without stack traces, which name folders of the recording machine."""
    if isinstance(value, dict):
        return {
            name: _without_stack_traces(each)
            for name, each in value.items()
            if name != "stackTrace"
        }
    return list(map(_without_stack_traces, value)) if isinstance(value, list) else value


async def list_runs(client: Client, workflow: str) -> list[WorkflowHistory]:
    """The histories of all runs of a workflow, oldest first."""
    runs: list[WorkflowHistory] = []
    run_id: str | None = None
    while run_id != "":
        handle = client.get_workflow_handle(workflow, run_id=run_id)
        runs.insert(0, await handle.fetch_history())
        started = runs[0].events[0].workflow_execution_started_event_attributes
        run_id = started.continued_execution_run_id
    return runs


async def main() -> None:
    """Records all scenarios; earlier recordings are deleted."""
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)  # failures are meant here
    for old in FOLDER.glob("*.json"):
        old.unlink()
    ca = CA("recorded")
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal_binary(),
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
