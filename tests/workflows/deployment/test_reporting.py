"""Contacts are told how a task ended; one that cannot be told is recorded and fails nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.rollout.stage import Stage
from domain.tasks.messages import Direction, Progress, Stuck, workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import Phase, Tally, TaskStatus
from tests.storage.examples import NOW
from tests.support.house import House
from workflows.deployment.reporting import counted, details

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
    return [request.get_json()["occasion"] for request, _ in hook.log if request.path == path]


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
    assert events(hook, "/ops") == ["finished", "rolled_back-1"]
    not_told = [e.text for e in house.store.tasks.events(task.id) if e.kind == "not told"]
    assert not_told == [
        "contact gone could not be told of finished",
        "contact gone could not be told of rolled_back-1",
    ]


def test_only_counters_that_are_not_zero_are_shown() -> None:
    assert counted(Tally(deployed=2, rollback_failed=1)) == "2 deployed, 1 rollback failed"
    assert counted(Tally()) == "none yet"


def told(**more: Any) -> Progress:
    facts = {"task_id": "t", "name": "t", "status": "running", "phase": Phase.DEPLOYING, "at": NOW}
    return Progress.model_validate(
        {**facts, "tally": Tally(), "pending_rollbacks": 0, "notes": (), **more}
    )


def test_the_details_say_which_wave_what_is_waited_for_and_what_can_be_done() -> None:
    text = details(
        told(
            wave=2,
            waves=3,
            stage=Stage.GATE,
            waits_for="the word to go on after wave 2 of 3",
            can=("proceed", "cancel"),
        )
    )
    assert "wave 2 of 3: gate" in text
    assert "waits for the word to go on after wave 2 of 3" in text
    assert "possible now: update `proceed`, signal `cancel`" in text
    assert "until 2026" in details(told(waits_for="its time", until=NOW))


def test_the_details_name_what_is_tried_again_and_until_when() -> None:
    one = Stuck(resource="a", direction=Direction.DEPLOY, cause="Busy", next_at=NOW, until=NOW)
    text = details(told(stuck=(one,), stuck_total=3))
    assert f"tries a again at {NOW.isoformat(timespec='seconds')}" in text
    assert "and 2 more" in text
