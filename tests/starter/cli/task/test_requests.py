"""`task proceed`, `stop` and `retry`, and what they say where there is nothing of that to do."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client

from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.waves import NAMES, SET, create_in_waves, wait_until


@pytest.fixture
def line(stack: Stack, engine: Client) -> CommandLine:
    """The command line at the same engine."""
    address = engine.service_client.config.target_host
    return CommandLine(stack.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": address})


def refuse_the_canary(stack: Stack) -> None:
    stack.cloud.add_fault("error", SET, resource=NAMES[0], code="IllegalOperation", status=403)


async def test_a_task_goes_on_by_command_and_stops_by_another(
    stack: Stack, engine: Client, line: CommandLine
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine, gate=True)
        await wait_until(engine, task, "`proceed` after")
        said = await asyncio.to_thread(line, "task", "proceed", "waves", "--reason", "looks well")
        assert said.stdout == "waves: proceeds with wave 2.\n"
        while (await wait_until(engine, task, "`proceed` after")).wave == 1:
            await asyncio.sleep(0.05)
        words = ("task", "stop", "waves", "--reason", "enough", "--by", "on call")
        result = await asyncio.to_thread(line.json, *words)
        assert result == {"task": task.id, "requested": "stop"}
        ended = await stack.wait_ended(task)
        assert (ended.status, ended.tally.skipped) == (TaskStatus.PARTIALLY_FAILED, 2)
        for command in ("proceed", "stop"):
            again = ("task", command, "waves", "--reason", "again")
            refusal = await asyncio.to_thread(line.refusal, *again)
            assert "it is partially failed" in refusal
    recorded = {(e.code, e.by) for e in stack.store.tasks.list_events(task.id)}
    assert ("stop", "on call") in recorded


async def test_what_failed_is_tried_again_by_command(
    stack: Stack, engine: Client, line: CommandLine
) -> None:
    refuse_the_canary(stack)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await create_in_waves(stack, engine))
        assert task.status is TaskStatus.FAILED
        stack.cloud.clear_faults()
        words = ("task", "retry", "waves", "--reason", "permission given", "--yes")
        one = await asyncio.to_thread(line.json, *words, "--resource", NAMES[0])
        assert one["resources"] == [f"main/alibaba.cdn/{NAMES[0]}"]
        await stack.wait_ended(task, TaskStatus.PARTIALLY_FAILED)
        said = await asyncio.to_thread(line, *words)
        assert said.stdout.startswith("waves: retry of 4 resources")
        await stack.wait_ended(task, TaskStatus.SUCCEEDED)
        refusal = await asyncio.to_thread(line.refusal, *words)
        assert f"task {task.id}: nothing can be retried" in refusal
        unknown = await asyncio.to_thread(line.refusal, *words, "--resource", "x.example.com")
        assert unknown.startswith("--resource: ")
    assert "x.example.com" in unknown


async def test_a_retry_that_is_waited_for_ends_as_it_ended(
    stack: Stack, engine: Client, line: CommandLine
) -> None:
    refuse_the_canary(stack)
    async with stack.run_worker(engine):
        await stack.wait_ended(await create_in_waves(stack, engine))
        words = ("task", "retry", "waves", "--reason", "permission given", "--yes", "--wait")
        again = await asyncio.to_thread(line, *words, code=5)
        assert "IllegalOperation" in again.stdout
        stack.cloud.clear_faults()
        one = await asyncio.to_thread(line.json, *words, "--resource", NAMES[0])
        assert one["task"]["tally"]["deployed"] == 1
        said = await asyncio.to_thread(line, *words)
        assert said.stdout == "waves: succeeded (5 deployed)\n"
        assert "running" in said.stderr


async def test_a_retry_that_is_refused_does_not_wait_for_ever(
    stack: Stack, engine: Client, line: CommandLine
) -> None:
    """Another task has meanwhile reserved the quota that the failed one gave back."""
    refuse_the_canary(stack)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await create_in_waves(stack, engine))
        other = stack.build_plan(stack.upload("other", "*.example.com"))
        await stack.create_task(engine, other, delay=timedelta(days=1), name="other")
        while stack.store.quota.get_balance():
            await asyncio.sleep(0.05)
        words = ("task", "retry", "waves", "--reason", "permission given", "--yes", "--wait")
        await asyncio.to_thread(line, *words, code=5)
    assert "retry-refused" in {event.code for event in stack.store.tasks.list_events(task.id)}


async def test_a_waiting_task_is_cancelled_and_not_stopped(
    stack: Stack, engine: Client, line: CommandLine
) -> None:
    stack.seed_domains("a.example.com")
    stack.grant_quota(1)
    plan = stack.build_plan(stack.upload("new", "a.example.com"))
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, delay=timedelta(days=1), name="later")
        words = ("task", "stop", "later", "--reason", "no")
        assert "has not started: cancel it" in await asyncio.to_thread(line.refusal, *words)
        await tasks.cancel(engine, task, "done", "tester")
        await stack.wait_ended(task)
