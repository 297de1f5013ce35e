"""Notifications of a task in waves: one at each gate, one at its end."""

import asyncio
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.notifications.events import EventClass
from domain.notifications.message import Message
from domain.rollout.policy import OnBudgetExceeded
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from starter.requests import tasks
from tests.support.stack import Stack
from tests.support.waves import NAMES, SET, create_in_waves, wait_until

GATE = "`proceed` after"


@pytest.fixture
def hook(stack: Stack) -> Iterator[HTTPServer]:
    """Contacts for all events, for `needs_operator` only, and for rollbacks only."""
    with HTTPServer(host="127.0.0.1") as running:
        for name in ("ops", "night", "backs"):
            running.expect_request(f"/{name}").respond_with_data("")
        contacts = stack.store.contacts
        contacts.add("ops", "webhook", running.url_for("/ops"))
        contacts.add("night", "webhook", running.url_for("/night"), [EventClass.NEEDS_OPERATOR])
        contacts.add("backs", "webhook", running.url_for("/backs"), [EventClass.ROLLED_BACK])
        yield running


def list_messages(hook: HTTPServer, name: str) -> list[Message]:
    return [
        Message.model_validate(request.get_json())
        for request, _ in hook.log
        if request.path == f"/{name}"
    ]


async def close(engine: Client, task: TaskRecord) -> None:
    """Closes the task and waits until it has notified all contacts."""
    handle = engine.get_workflow_handle(build_workflow_id(task.id))
    await handle.signal("delete", {"reason": "done", "requested_by": "tester"})
    async with asyncio.timeout(60):
        await handle.result()


async def test_a_gate_is_reported_with_the_commands_that_go_on_or_stop(
    stack: Stack, engine: Client, hook: HTTPServer
) -> None:
    async with stack.run_worker(engine):
        task = await create_in_waves(stack, engine, gate=True, contacts=("ops", "night", "backs"))
        await wait_until(engine, task, GATE)
        async with asyncio.timeout(30):
            while not (list_messages(hook, "ops") and list_messages(hook, "night")):
                await asyncio.sleep(0.05)
        await tasks.stop(engine, task, "not today", "on call")
        await stack.wait_ended(task)
        await close(engine, task)
    (gate, end), (asked,) = list_messages(hook, "ops"), list_messages(hook, "night")
    assert asked == gate.model_copy(update={"at": asked.at})
    assert gate.subject == "certroll: waves waits for you after the canary (wave 1 of 3)"
    assert (gate.occasion, gate.wave, gate.waves) == ("needs_operator-gate-0", 0, 3)
    assert gate.outcomes == {"pending": 4, "deployed": 1}
    assert f"  certroll task proceed {task.id} --reason '...'\n" in gate.body
    assert (end.occasion, end.needs_operator) == ("finished", False)
    assert [(each.code, each.count) for each in end.causes] == [("stopped", 4)]
    assert list_messages(hook, "backs") == []


async def test_a_task_that_stops_itself_is_reported_once_with_what_it_rolled_back(
    stack: Stack, engine: Client, hook: HTTPServer
) -> None:
    stack.cloud.add_fault("error", SET, resource=NAMES[1], code="IllegalOperation", status=403)
    async with stack.run_worker(engine):
        task = await create_in_waves(
            stack,
            engine,
            budget={"count": 0},
            on_budget_exceeded=OnBudgetExceeded.ROLL_BACK_ALL,
            contacts=("ops", "night", "backs"),
        )
        await stack.wait_ended(task)
        await close(engine, task)
    (all_of_it,), (need,), (back,) = (
        list_messages(hook, name) for name in ("ops", "night", "backs")
    )
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
    assert causes["too-many-failures"].count == 2
    assert all_of_it.outcomes["rolled_back"] >= 1
    assert f"certroll task retry {task.id} --reason '...'" in all_of_it.commands
