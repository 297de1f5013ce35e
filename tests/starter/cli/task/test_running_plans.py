"""Saved plans and drafts with the real engine: what was shown is what is done, to the byte."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from domain.tasks.messages import build_workflow_id
from domain.tasks.status import TaskStatus
from tests.starter.cli.task.test_running import HOSTS, Running
from tests.support.stack import Stack

PLAN_OPTIONS = ("-c", "wild", "--all-matched")
CREATE = ("task", "create", "--plan", "autumn", "--yes")


@pytest.fixture
async def running(stack: Stack, engine: Client) -> AsyncIterator[Running]:
    """Two domains, a certificate that fits both, quota, and a worker."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(10)
    async with stack.run_worker(engine):
        yield Running(stack, engine)


async def test_a_saved_plan_is_done_exactly_as_it_was_shown(running: Running) -> None:
    shown = await running.json("plan", "create", *PLAN_OPTIONS, "--name", "autumn")
    result = await running.json(*CREATE, "--wait")
    record = running.stack.store.tasks.find("autumn")
    assert result["task"]["plan_id"] == record.plan_id == shown["saved"]["id"]
    assert record.status is TaskStatus.SUCCEEDED
    done = running.stack.store.tasks.get_plan(record.id)
    assert record.digest == done.digest == shown["digest"]
    assert done.changes == running.stack.store.plans.get_plan(shown["saved"]["id"]).changes
    (created, *_) = running.stack.store.tasks.list_events(record.id)
    assert created.text == f"plan {shown['digest'][:12]}, saved as {record.plan_id}"
    await running("plan", "delete", "autumn", "--yes")
    back = ("task", "rollback", "autumn", "--reason", "test", "--yes", "--wait")
    await running(*back)
    assert running.stack.get_served(HOSTS[0]) == running.stack.fingerprints_before[HOSTS[0]]


async def test_one_that_was_done_is_refused_the_second_time(running: Running) -> None:
    await running("plan", "create", *PLAN_OPTIONS, "--name", "autumn")
    await running(*CREATE, "--wait")
    result = await running(*CREATE, "--name", "again", code=2)
    assert result.stdout.endswith("\n2 already-served\n")
    result = await running(*CREATE, "--name", "again", "--remake", code=2)
    assert "no resource would be changed" in result.stderr


async def test_one_made_anew_is_saved_and_named_by_its_task(running: Running) -> None:
    stack = running.stack
    first = await running.json("plan", "create", *PLAN_OPTIONS, "--name", "autumn")
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    await running(*CREATE, "--remake", "--wait")
    record = stack.store.tasks.find("autumn")
    assert record.plan_id not in (None, first["saved"]["id"])
    assert record.digest != first["digest"]
    saved = stack.store.plans.find(record.plan_id or "")
    assert (saved.digest, saved.name) == (record.digest, "autumn")
    assert stack.get_served(HOSTS[0]) == stack.store.certificates.find("wild").fingerprint


async def test_a_draft_is_submitted_and_runs(running: Running) -> None:
    await running("plan", "create", *PLAN_OPTIONS, "--name", "autumn")
    words = ("task", "create", "--plan", "autumn", "--draft", "--name", "draft")
    await running(*words, "--concurrency", "7")
    draft = running.stack.store.tasks.find("draft")
    assert running.stack.store.quota.get_balance() == 10
    result = await running("task", "cancel", "draft", "--reason", "x", code=2)
    assert f"certroll task delete {draft.id}" in result.stderr
    result = await running("task", "reschedule", "draft", "--at", "in 2h", code=2)
    assert "the task is a draft" in result.stderr
    result = await running("task", "submit", "draft", "--yes", "--wait", "--by", "ops")
    assert result.stdout.endswith("draft: succeeded (2 deployed)\n")
    ended = running.stack.store.tasks.get(draft.id)
    assert (ended.digest, ended.concurrency, ended.draft) == (draft.digest, 7, None)
    assert running.stack.store.quota.get_balance() == 8
    submitted = [
        e for e in running.stack.store.tasks.list_events(draft.id) if e.code == "submitted"
    ]
    assert [each.by for each in submitted] == ["ops"]
    result = await running("task", "submit", "draft", "--yes", code=2)
    assert "the task is succeeded, only a draft can be edited" in result.stderr


async def test_a_draft_that_moved_is_made_anew_and_keeps_what_else_it_is(running: Running) -> None:
    stack = running.stack
    words = ("task", "create", *PLAN_OPTIONS, "--draft", "--name", "draft", "--rollback-days", "0")
    await running(*words)
    stack.seed_domains("c.example.com")
    await running("task", "submit", "draft", "--remake", "--yes", "--wait")
    ended = stack.store.tasks.find("draft")
    assert ended.tally.deployed == 3
    assert stack.get_served("c.example.com") == stack.store.certificates.find("wild").fingerprint
    assert ended.started_at is not None
    assert ended.rollback_until < ended.started_at


async def test_a_scheduled_task_is_not_edited_but_says_how_it_gets_another_time(
    running: Running,
) -> None:
    await running("task", "create", *PLAN_OPTIONS, "--name", "autumn", "--at", "in 2h", "--yes")
    for words in (("--name", "x"), ("--at", "in 3h")):
        result = await running("task", "edit", "autumn", *words, code=2)
        assert "the task is scheduled, only a draft can be edited" in result.stderr
        assert "certroll task reschedule " in result.stderr
        assert "delete it" in result.stderr


async def test_many_are_deleted_at_once_and_those_that_wait_are_refunded(
    running: Running, engine: Client
) -> None:
    store, words = running.stack.store, ("task", "create", *PLAN_OPTIONS, "--yes", "--name")
    await running(*words, "waits", "--at", "in 2h")
    await running(*words, "done", "--wait")
    waits = store.tasks.find("waits")
    while store.quota.get_balance() != 6:  # its reservation, and what the other one has used
        await asyncio.sleep(0.05)
    delete = ("task", "delete", "--reason", "over", "--by", "ops", "--yes")
    result = await running(*delete, "waits", "nothing", code=2)
    assert "there is no task 'nothing'" in result.stderr
    assert store.tasks.find("waits").status is TaskStatus.SCHEDULED
    await running(*delete, "waits", "done")
    while store.tasks.list():
        await asyncio.sleep(0.05)
    gone = {each.name: each for each in store.tasks.list(include_deleted=True)}
    assert (gone["waits"].status, gone["waits"].tally.skipped) == (TaskStatus.CANCELLED, 2)
    assert store.quota.get_balance() == 8
    for each in gone.values():
        assert ("deleted", "ops", "over") in [
            (event.code, event.by, event.text) for event in store.tasks.list_events(each.id)
        ]
    wild = store.certificates.find("wild").fingerprint
    assert {running.stack.get_served(host) for host in HOSTS} == {wild}
    status = await engine.get_workflow_handle(build_workflow_id(waits.id)).result()
    assert status == TaskStatus.CANCELLED
