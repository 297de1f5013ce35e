"""Rollback by the signal as any service sends it: a name and one JSON object."""

from typing import Any

from temporalio.client import Client

from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.stack import ACCOUNT, SERVICE, Stack

SET = "SetCdnDomainSSLCertificate"
ALL: dict[str, Any] = {"resources": None, "reason": "wrong chain", "requested_by": "monitoring"}


def build_id(key: str) -> str:
    return f"{ACCOUNT}/{SERVICE}/{key}"


async def create_deployed(stack: Stack, engine: Client, *names: str, **more: Any) -> TaskRecord:
    stack.seed_domains(*names)
    new = stack.upload("new", *names)
    stack.grant_quota(len(names))
    return await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new), **more))


async def send_signal(engine: Client, task: TaskRecord, name: str, body: Any) -> None:
    await engine.get_workflow_handle(build_workflow_id(task.id)).signal(name, body)


async def test_some_resources_go_back_and_the_task_is_partially_rolled_back(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com", "b.example.com")
        await send_signal(
            engine, task, "rollback", {**ALL, "resources": [build_id("a.example.com")]}
        )
        back = await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    assert (back.tally.rolled_back, back.tally.deployed) == (1, 1)
    assert stack.get_served("a.example.com") == stack.fingerprints_before["a.example.com"]
    assert stack.get_served("b.example.com") != stack.fingerprints_before["b.example.com"]
    events = stack.store.tasks.list_events(task.id)
    assert ("rollback", "monitoring", "wrong chain") in {(e.code, e.by, e.text) for e in events}


async def test_an_expired_certificate_comes_back_only_where_the_signal_says_force(
    stack: Stack, engine: Client
) -> None:
    name = "a.example.com"
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, name)
        new = stack.get_served(name)
        stack.expire_certificates_before(task.id)
        await send_signal(engine, task, "rollback", ALL)
        await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
        outcome = stack.list_outcomes(task)[name]
        assert outcome.status is OutcomeStatus.ROLLBACK_FAILED
        assert outcome.cause is not None
        assert outcome.cause.code == "FormerExpired"
        assert stack.get_served(name) == new
        await send_signal(engine, task, "rollback", {**ALL, "force": True})
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert stack.get_served(name) == stack.fingerprints_before[name]


async def test_the_same_signal_again_changes_nothing(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com")
        await send_signal(engine, task, "rollback", ALL)
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
        before = stack.cloud.count_calls()
        outcome = stack.list_outcomes(task)["a.example.com"]
        await send_signal(engine, task, "rollback", ALL)
        await stack.wait_for_note(engine, task, "nothing to roll back")
    assert stack.cloud.count_calls() == before
    assert stack.list_outcomes(task)["a.example.com"] == outcome


async def test_a_rollback_during_the_run_ends_it_and_rolls_back_what_was_deployed(
    stack: Stack, engine: Client
) -> None:
    names = [f"n{number:02}.example.com" for number in range(8)]
    stack.seed_domains(*names)
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(8)
    stack.cloud.add_fault("hang", SET, seconds=0.3)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new), concurrency=2)
        await stack.wait_ended(task, TaskStatus.RUNNING)
        await send_signal(engine, task, "rollback", ALL)
        done = (TaskStatus.ROLLED_BACK, TaskStatus.CANCELLED)
        back = await stack.wait_settled(engine, task, *done)
    assert back.tally.deployed == 0
    assert back.tally.skipped + back.tally.rolled_back == 8
    assert {stack.get_served(name) for name in names} == set(stack.fingerprints_before.values())


async def test_a_resource_that_serves_something_else_by_now_is_refused_as_drifted(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com", "b.example.com")
        other = stack.ca.leaf(["a.example.com"])
        stack.rebind("a.example.com", other)
        await send_signal(engine, task, "rollback", ALL)
        back = await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    outcome = stack.list_outcomes(task)["a.example.com"]
    assert outcome.status is OutcomeStatus.ROLLBACK_FAILED
    assert outcome.cause is not None
    assert outcome.cause.code == "Drifted"
    assert back.tally.rolled_back == 1
    assert stack.get_served("a.example.com") == other.fingerprint


async def test_a_rollback_is_retried_and_a_failed_one_can_be_requested_again(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com")
        stack.cloud.add_fault("5xx", SET, count=1)
        stack.cloud.add_fault("error", SET, code="IllegalOperation", status=403, count=1)
        await send_signal(engine, task, "rollback", ALL)
        back = await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
        assert back.tally.rollback_failed == 1
        await send_signal(engine, task, "rollback", ALL)
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert stack.get_served("a.example.com") == stack.fingerprints_before["a.example.com"]


async def test_resources_of_another_task_are_refused_by_name(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com")
        await send_signal(
            engine, task, "rollback", {**ALL, "resources": [build_id("x.example.com")]}
        )
        await stack.wait_for_note(engine, task, "not in this task: main/alibaba.cdn/x.example.com")
    assert stack.store.tasks.get(task.id).status is TaskStatus.SUCCEEDED


async def test_a_signal_with_an_unknown_field_is_refused_and_says_so(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com")
        await send_signal(engine, task, "rollback", {**ALL, "resource": "all"})
        await stack.wait_for_note(engine, task, "signal rollback refused: resource")
        await send_signal(engine, task, "cancel", "please")
        await stack.wait_for_note(engine, task, "signal cancel refused")
        await send_signal(engine, task, "delete", {})
        await stack.wait_for_note(engine, task, "signal delete refused: reason")
    assert stack.get_served("a.example.com") != stack.fingerprints_before["a.example.com"]


async def test_a_deleted_task_keeps_what_it_deployed_and_is_closed(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create_deployed(stack, engine, "a.example.com")
        await tasks.delete(stack.store, engine, task, "tidy up", "tester")
        assert await engine.get_workflow_handle(build_workflow_id(task.id)).result() == "succeeded"
    assert stack.store.tasks.get(task.id).deleted_at is not None
    assert stack.store.tasks.list() == []
    assert stack.get_served("a.example.com") != stack.fingerprints_before["a.example.com"]


async def test_a_resource_named_before_the_task_began_is_left_out(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.grant_quota(2)
    task = await stack.create_task(engine, plan)
    await send_signal(engine, task, "rollback", {**ALL, "resources": [build_id("a.example.com")]})
    async with stack.run_worker(engine):
        ended = await stack.wait_ended(task)
    assert (ended.tally.skipped, ended.tally.deployed) == (1, 1)
    assert stack.get_served("a.example.com") == stack.fingerprints_before["a.example.com"]
    assert stack.store.quota.get_balance() == 1


async def test_a_rollback_before_the_first_change_leaves_a_cancelled_task(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com")
    plan = stack.build_plan(stack.upload("new", "a.example.com"))
    stack.grant_quota(1)
    stack.cloud.add_fault("hang", "UploadUserCertificate", seconds=1.0)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan)
        await stack.wait_ended(task, TaskStatus.RUNNING)
        await send_signal(engine, task, "rollback", ALL)
        ended = await stack.wait_ended(task)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.CANCELLED, 1)
