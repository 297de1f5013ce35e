"""A task with a long history continues as new and loses nothing."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.temporal.processes import find_temporal_binary
from tests.support.stack import Stack
from tests.support.waves import SET, wait_until
from workflows import search_attributes
from workflows.policies import SHORT_HISTORY

ALL = {"resources": None, "reason": "wrong names", "requested_by": "tester"}
SUGGEST_AFTER = 60


@pytest.fixture(scope="module")
async def strict_engine() -> AsyncIterator[Client]:
    """A server that suggests a new history after a few events."""
    limits = {
        "limit.historyCount.suggestContinueAsNew": SUGGEST_AFTER,
        "system.forceSearchAttributesCacheRefreshOnRead": "true",
    }
    options = [f"--dynamic-config-value={name}={value}" for name, value in limits.items()]
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=find_temporal_binary(),
        data_converter=pydantic_data_converter,
        search_attributes=search_attributes.ALL,
        dev_server_extra_args=["--headless", *options],
        dev_server_log_level="error",
    ) as environment:
        yield environment.client


async def deploy_and_roll_back(
    stack: Stack, client: Client, size: int
) -> tuple[TaskRecord, list[int]]:
    """Deploys and rolls back a task; returns it with the lengths of all its histories."""
    names = [f"n{number:02}.example.com" for number in range(size)]
    stack.seed_domains(*names)
    stack.grant_quota(size)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    async with stack.run_worker(client):
        task = await stack.wait_ended(await stack.create_task(client, plan, concurrency=5))
        assert task.status is TaskStatus.SUCCEEDED
        handle = client.get_workflow_handle(build_workflow_id(task.id))
        await handle.signal("rollback", ALL)
        back = await stack.wait_settled(client, task, TaskStatus.ROLLED_BACK)
        await handle.signal("delete", {"reason": "done", "requested_by": "tester"})
        await handle.result()
    runs = client.list_workflows(f"WorkflowId = '{handle.id}'")
    assert {stack.get_served(name) for name in names} == set(stack.fingerprints_before.values())
    assert {each.attempts for each in stack.list_outcomes(task).values()} == {2}
    return back, [run.history_length async for run in runs]


async def test_a_task_goes_on_in_the_middle_of_its_changes_when_the_server_suggests_it(
    stack: Stack, strict_engine: Client
) -> None:
    back, lengths = await deploy_and_roll_back(stack, strict_engine, 30)
    assert (back.tally.rolled_back, back.tally.total) == (30, 30)
    assert len(lengths) >= 4
    assert max(lengths) < 3 * SUGGEST_AFTER


async def test_waves_a_gate_an_exceeded_budget_and_a_retry_survive_any_number_of_new_histories(
    stack: Stack, strict_engine: Client
) -> None:
    names = [f"n{number:02}.example.com" for number in range(36)]
    stack.seed_domains(*names)
    stack.grant_quota(36)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    policy = RolloutPolicy(
        waves=(Size(count=12), Size(count=12)),
        budget=Size(count=0),
        gate=True,
        on_budget_exceeded=OnBudgetExceeded.ROLL_BACK_ALL,
    )
    last = plan.changes[-1].resource.key
    stack.cloud.add_fault("error", SET, resource=last, code="IllegalOperation", status=403)
    async with stack.run_worker(strict_engine):
        task = await stack.create_task(strict_engine, plan, concurrency=5, rollout=policy)
        for wave in (1, 2):
            await wait_at_gate(strict_engine, task, wave)
            await tasks.proceed(strict_engine, task, "looks well", "tester")
        back = await stack.wait_ended(task)
        assert (back.status, back.tally.failed) == (TaskStatus.ROLLED_BACK, 1)
        assert {stack.get_served(name) for name in names} == set(stack.fingerprints_before.values())
        stack.cloud.clear_faults()
        await tasks.retry(strict_engine, task, None, "permission given", "tester")
        for wave in (1, 2):
            await wait_at_gate(strict_engine, task, wave)
            await tasks.proceed(strict_engine, task, "looks well", "tester")
        ended = await stack.wait_ended(task, TaskStatus.SUCCEEDED)
    assert ended.tally.deployed == 36
    runs = strict_engine.list_workflows(f"WorkflowId = '{build_workflow_id(task.id)}'")
    lengths = [run.history_length async for run in runs]
    assert len(lengths) >= 8
    assert max(lengths) < 3 * SUGGEST_AFTER


async def wait_at_gate(client: Client, task: TaskRecord, wave: int) -> None:
    """Returns once the task is at the gate after this wave."""
    async with asyncio.timeout(60):
        while (await wait_until(client, task, "`proceed` after")).wave != wave:
            await asyncio.sleep(0.05)


async def test_a_task_that_has_only_to_wait_begins_a_short_history(
    stack: Stack, engine: Client
) -> None:
    back, lengths = await deploy_and_roll_back(stack, engine, 50)
    assert back.tally.rolled_back == 50
    assert len(lengths) == 3, "there, back, and waiting"
    assert sum(length > SHORT_HISTORY for length in lengths) == 2
    assert min(lengths) < 30
