"""`task proceed`, `stop` and `retry`, and what they say where there is nothing of that to do."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client

from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.starter.command_line import CommandLine
from tests.support.house import House
from tests.workflows.waving import NAMES, SET, in_waves, when


@pytest.fixture
def line(house: House, engine: Client) -> CommandLine:
    """The command line at the same engine."""
    address = engine.service_client.config.target_host
    return CommandLine(house.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": address})


def refuse_the_canary(house: House) -> None:
    house.cloud.fault("error", SET, resource=NAMES[0], code="IllegalOperation", status=403)


async def test_a_task_goes_on_by_command_and_stops_by_another(
    house: House, engine: Client, line: CommandLine
) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True)
        await when(engine, task, "the word to go on")
        said = await asyncio.to_thread(line, "task", "proceed", "waves", "--reason", "looks well")
        assert said.stdout == "waves: goes on with wave 2.\n"
        while (await when(engine, task, "the word to go on")).wave == 1:
            await asyncio.sleep(0.05)
        words = ("task", "stop", "waves", "--reason", "enough", "--by", "on call")
        told = await asyncio.to_thread(line.json, *words)
        assert told == {"task": task.id, "asked": "stop"}
        ended = await house.ended(task)
        assert (ended.status, ended.tally.skipped) == (TaskStatus.PARTIALLY_FAILED, 2)
        for command in ("proceed", "stop"):
            again = ("task", command, "waves", "--reason", "again")
            refusal = await asyncio.to_thread(line.refusal, *again)
            assert "it is partially failed" in refusal
    told_of = {(e.kind, e.by) for e in house.store.tasks.events(task.id)}
    assert ("stop", "on call") in told_of


async def test_what_failed_is_tried_again_by_command(
    house: House, engine: Client, line: CommandLine
) -> None:
    refuse_the_canary(house)
    async with house.working(engine):
        task = await house.ended(await in_waves(house, engine))
        assert task.status is TaskStatus.FAILED
        house.cloud.clear_faults()
        words = ("task", "retry", "waves", "--reason", "permission given", "--yes")
        one = await asyncio.to_thread(line.json, *words, "--resource", NAMES[0])
        assert one["resources"] == [f"main/alibaba.cdn/{NAMES[0]}"]
        await house.ended(task, TaskStatus.PARTIALLY_FAILED)
        said = await asyncio.to_thread(line, *words)
        assert said.stdout.startswith("waves: tries 4 again.")
        await house.ended(task, TaskStatus.SUCCEEDED)
        refusal = await asyncio.to_thread(line.refusal, *words)
        assert "nothing of it is to be tried again" in refusal
        unknown = await asyncio.to_thread(line.refusal, *words, "--resource", "x.example.com")
        assert "not in this task: x.example.com" in unknown


async def test_a_retry_that_is_waited_for_ends_as_it_ended(
    house: House, engine: Client, line: CommandLine
) -> None:
    refuse_the_canary(house)
    async with house.working(engine):
        await house.ended(await in_waves(house, engine))
        words = ("task", "retry", "waves", "--reason", "permission given", "--yes", "--wait")
        again = await asyncio.to_thread(line, *words, code=5)
        assert "IllegalOperation" in again.stdout
        house.cloud.clear_faults()
        one = await asyncio.to_thread(line.json, *words, "--resource", NAMES[0])
        assert one["task"]["tally"]["deployed"] == 1
        said = await asyncio.to_thread(line, *words)
        assert said.stdout == "waves: succeeded (5 deployed)\n"
        assert "running" in said.stderr


async def test_a_retry_that_is_refused_does_not_wait_for_ever(
    house: House, engine: Client, line: CommandLine
) -> None:
    """Another task has meanwhile reserved the quota that the failed one gave back."""
    refuse_the_canary(house)
    async with house.working(engine):
        task = await house.ended(await in_waves(house, engine))
        other = house.plan(house.upload("other", "*.example.com"))
        await house.create(engine, other, delay=timedelta(days=1), name="other")
        while house.store.quota.balance():
            await asyncio.sleep(0.05)
        words = ("task", "retry", "waves", "--reason", "permission given", "--yes", "--wait")
        await asyncio.to_thread(line, *words, code=5)
    assert "retry refused" in {event.kind for event in house.store.tasks.events(task.id)}


async def test_a_waiting_task_is_cancelled_and_not_stopped(
    house: House, engine: Client, line: CommandLine
) -> None:
    house.domains("a.example.com")
    house.grant(1)
    plan = house.plan(house.upload("new", "a.example.com"))
    async with house.working(engine):
        task = await house.create(engine, plan, delay=timedelta(days=1), name="later")
        words = ("task", "stop", "later", "--reason", "no")
        assert "has not begun: cancel it" in await asyncio.to_thread(line.refusal, *words)
        await tasks.cancel(engine, task, "done", "tester")
        await house.ended(task)
