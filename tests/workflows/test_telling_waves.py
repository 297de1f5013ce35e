"""What contacts are told of a task in waves: one message where it waits, one where it ends."""

import asyncio
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.notifications.events import EventClass
from domain.notifications.message import Message
from domain.rollout.policy import OnBreach
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from starter.requests import tasks
from tests.support.house import House
from tests.workflows.waving import NAMES, SET, in_waves, when

GATE = "the word to go on"


@pytest.fixture
def hook(house: House) -> Iterator[HTTPServer]:
    """Who takes everything, and who takes only what needs somebody, and rollbacks."""
    with HTTPServer(host="127.0.0.1") as running:
        for name in ("ops", "night", "backs"):
            running.expect_request(f"/{name}").respond_with_data("")
        contacts = house.store.contacts
        contacts.add("ops", "webhook", running.url_for("/ops"))
        contacts.add("night", "webhook", running.url_for("/night"), [EventClass.NEEDS_OPERATOR])
        contacts.add("backs", "webhook", running.url_for("/backs"), [EventClass.ROLLED_BACK])
        yield running


def told(hook: HTTPServer, name: str) -> list[Message]:
    return [
        Message.model_validate(request.get_json())
        for request, _ in hook.log
        if request.path == f"/{name}"
    ]


async def over(engine: Client, task: TaskRecord) -> None:
    """Returns once the task has told everybody and is closed."""
    handle = engine.get_workflow_handle(workflow_id(task.id))
    await handle.signal("delete", {"reason": "done", "requested_by": "tester"})
    async with asyncio.timeout(60):
        await handle.result()


async def test_a_gate_is_told_with_the_commands_that_go_on_or_stop(
    house: House, engine: Client, hook: HTTPServer
) -> None:
    async with house.working(engine):
        task = await in_waves(house, engine, gate=True, contacts=("ops", "night", "backs"))
        await when(engine, task, GATE)
        async with asyncio.timeout(30):
            while not (told(hook, "ops") and told(hook, "night")):
                await asyncio.sleep(0.05)
        await tasks.stop(engine, task, "not today", "on call")
        await house.ended(task)
        await over(engine, task)
    (gate, end), (asked,) = told(hook, "ops"), told(hook, "night")
    assert asked == gate.model_copy(update={"at": asked.at})
    assert gate.subject == "certroll: waves waits for you after the canary (wave 1 of 3)"
    assert (gate.occasion, gate.wave, gate.waves) == ("needs_operator-gate-0", 0, 3)
    assert gate.outcomes == {"pending": 4, "deployed": 1}
    assert f"  certroll task proceed {task.id} --reason '...'\n" in gate.body
    assert (end.occasion, end.needs_operator) == ("finished", False)
    assert [(each.code, each.count) for each in end.causes] == [("Stopped", 4)]
    assert told(hook, "backs") == []


async def test_a_task_that_stops_itself_is_told_once_with_what_it_took_back(
    house: House, engine: Client, hook: HTTPServer
) -> None:
    house.cloud.fault("error", SET, resource=NAMES[1], code="IllegalOperation", status=403)
    async with house.working(engine):
        task = await in_waves(
            house,
            engine,
            budget={"count": 0},
            on_breach=OnBreach.ROLL_BACK_ALL,
            contacts=("ops", "night", "backs"),
        )
        await house.ended(task)
        await over(engine, task)
    (all_of_it,), (need,), (back,) = (told(hook, name) for name in ("ops", "night", "backs"))
    assert [each.event for each in (all_of_it, need, back)] == [
        "finished",
        "needs_operator",
        "rolled_back",
    ]
    assert all_of_it.subject.startswith("certroll: waves stopped itself, ")
    assert all_of_it.needs_operator
    assert all_of_it.rollback is not None
    assert all_of_it.rollback.automatic
    causes = {each.code: each for each in all_of_it.causes}
    assert causes["IllegalOperation"].examples == (f"main/alibaba.cdn/{NAMES[1]}",)
    assert causes["TooManyFailures"].count == 2
    assert any(each.startswith("taken back: ") for each in all_of_it.done)
    assert f"certroll task retry {task.id} --reason '...'" in all_of_it.commands
