"""Contacts are notified of a task's end; a failed delivery is recorded and fails nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.rollout.stage import Stage
from domain.tasks.messages import Direction, Progress, RetryingChange, build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import Phase, Tally, TaskStatus
from tests.support.stack import Stack
from tests.support.stored_examples import NOW
from workflows.deployment.reporting import format_details, format_tally

ALL = {"resources": None, "reason": "wrong names", "requested_by": "tester"}


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A web server on loopback: one path takes messages, the other is gone."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/gone").respond_with_data("", status=404)
        yield running


async def create_ended(stack: Stack, engine: Client, *contacts: str) -> TaskRecord:
    stack.seed_domains("a.example.com")
    stack.grant_quota(1)
    plan = stack.build_plan(stack.upload("new", "a.example.com"))
    task = await stack.wait_ended(await stack.create_task(engine, plan, contacts=contacts))
    assert task.status is TaskStatus.SUCCEEDED
    return task


def list_events(hook: HTTPServer, path: str) -> list[str]:
    return [request.get_json()["occasion"] for request, _ in hook.log if request.path == path]


async def test_contacts_are_notified_when_a_task_ends_and_when_it_is_rolled_back(
    stack: Stack, engine: Client, hook: HTTPServer
) -> None:
    stack.store.contacts.add("ops", "webhook", hook.url_for("/ops"))
    stack.store.contacts.add("gone", "webhook", hook.url_for("/gone"))
    async with stack.run_worker(engine):
        task = await create_ended(stack, engine, "ops", "gone")
        handle = engine.get_workflow_handle(build_workflow_id(task.id))
        await handle.signal("rollback", ALL)
        await stack.wait_settled(engine, task, TaskStatus.ROLLED_BACK)
        await handle.signal("delete", {"reason": "done", "requested_by": "tester"})
        await handle.result()
    assert list_events(hook, "/ops") == ["finished", "rolled_back-1"]
    failed = [
        e.text for e in stack.store.tasks.list_events(task.id) if e.code == "notification-failed"
    ]
    assert [text.split()[-1] for text in failed] == ["finished", "rolled_back-1"]
    assert all("contact gone" in text for text in failed)


def test_only_counters_that_are_not_zero_are_shown() -> None:
    assert format_tally(Tally(deployed=2, rollback_failed=1)) == "2 deployed, 1 rollback failed"
    assert format_tally(Tally()) == "none yet"


def build_progress(**more: Any) -> Progress:
    facts = {"task_id": "t", "name": "t", "status": "running", "phase": Phase.DEPLOYING, "at": NOW}
    return Progress.model_validate(
        {**facts, "tally": Tally(), "pending_rollbacks": 0, "notes": (), **more}
    )


def test_the_details_say_which_wave_what_is_waited_for_and_what_can_be_done() -> None:
    text = format_details(
        build_progress(
            wave=2,
            waves=3,
            stage=Stage.GATE,
            waits_for="`proceed` after wave 2 of 3",
            can=("proceed", "cancel"),
        )
    )
    assert "wave 2 of 3: gate" in text
    assert "`proceed` after wave 2 of 3" in text
    assert "possible now: update `proceed`, signal `cancel`" in text
    assert "until 2026" in format_details(build_progress(waits_for="its time", until=NOW))


def test_the_details_name_what_is_retried_and_until_when() -> None:
    one = RetryingChange(
        resource="a", direction=Direction.DEPLOY, cause="Busy", next_at=NOW, until=NOW
    )
    text = format_details(build_progress(stuck=(one,), stuck_total=3))
    assert f"retries a at {NOW.isoformat(timespec='seconds')}" in text
    assert "and 2 more" in text
