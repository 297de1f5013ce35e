"""Contacts are told how a task ended; one that cannot be told is recorded and fails nothing."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.record import TaskRecord
from domain.status import Phase, Tally, TaskStatus
from domain.task import workflow_id
from tests.house import House
from workflows.telling import _next_step, counted

ALL = {"resources": None, "reason": "wrong names", "requested_by": "tester"}


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback: one path takes messages, the other is gone."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


async def ended(house: House, engine: Client, *contacts: str) -> TaskRecord:
    house.domains("a.example.com")
    house.grant(1)
    plan = house.plan(house.upload("new", "a.example.com"))
    task = await house.ended(await house.create(engine, plan, contacts=contacts))
    assert task.status is TaskStatus.SUCCEEDED
    return task


def events(hook: HTTPServer, path: str) -> list[str]:
    return [request.get_json()["event"] for request, _ in hook.log if request.path == path]


async def test_contacts_are_told_when_a_task_ends_and_when_it_is_taken_back(
    house: House, engine: Client, hook: HTTPServer
) -> None:
    house.store.contacts.add("ops", "webhook", hook.url_for("/ops"))
    house.store.contacts.add("gone", "webhook", hook.url_for("/gone"))
    async with house.working(engine):
        task = await ended(house, engine, "ops", "gone")
        handle = engine.get_workflow_handle(workflow_id(task.id))
        await handle.signal("rollback", ALL)
        await house.settled(engine, task, TaskStatus.ROLLED_BACK)
        await handle.signal("delete", {"reason": "done", "requested_by": "tester"})
        await handle.result()
    assert events(hook, "/ops") == ["ended", "rolled_back-1"]
    not_told = [e.text for e in house.store.tasks.events(task.id) if e.kind == "not told"]
    assert not_told == [
        "contact gone could not be told of ended",
        "contact gone could not be told of rolled_back-1",
    ]


def test_only_counters_that_are_not_zero_are_shown() -> None:
    assert counted(Tally(deployed=2, rollback_failed=1)) == "2 deployed, 1 rollback failed"
    assert counted(Tally()) == "none yet"


def test_each_phase_says_what_can_be_done_next() -> None:
    assert len({_next_step(phase) for phase in Phase}) == 4
    assert "`rollback`" in _next_step(Phase.SETTLED)
