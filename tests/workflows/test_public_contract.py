"""Names and JSON shapes that other services rely on, sent by the `temporal` command.

These names are literal on purpose. A failure means that somebody's automation would break: keep the
old name or shape working beside the new one, and do not edit this test to fit.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from domain.rollout.policy import RolloutPolicy
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.temporal.processes import find_temporal_binary
from tests.support.stack import Stack

PROGRESS = {
    "task_id": str,
    "name": str,
    "status": str,
    "phase": str,
    "at": str,
    "tally": dict,
    "pending_rollbacks": int,
    "pending_retries": int,
    "notes": list,
    "wave": int,
    "waves": int,
    "stage": str,
    "waits_for": str,
    "until": str,
    "can": list,
    "stuck_total": int,
}
TALLY = {
    "pending",
    "deploying",
    "deployed",
    "unverified",
    "failed",
    "skipped",
    "rolling_back",
    "rolled_back",
    "rollback_failed",
}


class CommandFailed(Exception):
    """The command ended with an error; its text is what it wrote."""


async def run_temporal(engine: Client, *words: str) -> Any:
    """What `temporal workflow WORDS` prints as JSON."""
    address = engine.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        find_temporal_binary(),
        "workflow",
        *words,
        *("--address", address, "--output", "json", "--color", "never", "--disable-config-file"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise CommandFailed(err.decode())
    return json.loads(out) if out.strip() else None


async def send_signal(engine: Client, task: TaskRecord, name: str, body: str) -> None:
    words = ("--workflow-id", f"deployment-{task.id}", "--name", name, "--input", body)
    await run_temporal(engine, "signal", *words)


async def query_progress(engine: Client, task: TaskRecord) -> dict[str, Any]:
    words = ("--workflow-id", f"deployment-{task.id}", "--name", "progress")
    (answer,) = (await run_temporal(engine, "query", *words))["queryResult"]
    assert isinstance(answer, dict)
    return answer


async def send_update(engine: Client, task: TaskRecord, name: str, body: str) -> Any:
    words = ("--workflow-id", f"deployment-{task.id}", "--name", name, "--input", body)
    return (await run_temporal(engine, "update", "execute", *words))["result"]


async def create(stack: Stack, engine: Client, **more: Any) -> TaskRecord:
    names = ("a.example.com", "b.example.com")
    stack.seed_domains(*names)
    new = stack.upload("new", *names)
    stack.grant_quota(2)
    return await stack.create_task(engine, stack.build_plan(new), name="release", **more)


async def test_type_id_and_task_queue(stack: Stack, engine: Client) -> None:
    task = await create(stack, engine)
    recorded = await run_temporal(engine, "describe", "--workflow-id", f"deployment-{task.id}")
    assert recorded["workflowExecutionInfo"]["type"]["name"] == "DeploymentTask"
    assert recorded["workflowExecutionInfo"]["taskQueue"] == "certroll"


async def test_search_attributes_by_which_tasks_are_found(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine)
        await stack.wait_ended(task)
        query = (
            'CertrollTask = "release" AND CertrollStatus = "succeeded" '
            'AND CertrollCertificates = "new" AND CertrollScheduledAt < "2100-01-01T00:00:00Z"'
        )
        async with asyncio.timeout(10):  # the server indexes a moment later
            while not (found := await run_temporal(engine, "list", "--query", query)):
                await asyncio.sleep(0.1)
    assert {each["execution"]["workflowId"] for each in found} == {f"deployment-{task.id}"}


async def test_signal_rollback_takes_the_named_resources_then_the_whole_task_back(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine)
        await stack.wait_ended(task)
        body = (
            '{"resources": ["main/alibaba.cdn/a.example.com"],'
            ' "reason": "wrong chain", "requested_by": "monitoring"}'
        )
        await send_signal(engine, task, "rollback", body)
        await stack.wait_ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
        assert stack.get_served("a.example.com") == stack.fingerprints_before["a.example.com"]
        assert stack.get_served("b.example.com") != stack.fingerprints_before["b.example.com"]
        whole = '{"resources": null, "reason": "all of it", "requested_by": "on call"}'
        await send_signal(engine, task, "rollback", whole)
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert stack.get_served("b.example.com") == stack.fingerprints_before["b.example.com"]
    recorded = {(event.by, event.text) for event in stack.store.tasks.list_events(task.id)}
    assert {("monitoring", "wrong chain"), ("on call", "all of it")} <= recorded


async def test_signal_cancel_ends_a_waiting_task(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine, delay=timedelta(days=1))
        await send_signal(
            engine, task, "cancel", '{"reason": "freeze", "requested_by": "release bot"}'
        )
        assert (await stack.wait_ended(task)).status is TaskStatus.CANCELLED
    assert stack.store.quota.get_balance() == 2


async def test_signal_delete_closes_the_task(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine)
        await stack.wait_ended(task)
        await send_signal(engine, task, "delete", '{"reason": "tidy", "requested_by": "janitor"}')
        assert await engine.get_workflow_handle(f"deployment-{task.id}").result() == "succeeded"
    assert stack.store.tasks.get(task.id).deleted_at is not None


async def test_update_reschedule_answers_with_the_new_time(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine, delay=timedelta(days=1))
        words = ["update", "execute", "--workflow-id", f"deployment-{task.id}"]
        words += ["--name", "reschedule", "--input"]
        answer = await run_temporal(engine, *words, '{"at": "2100-02-03T04:05:06+02:00"}')
        assert answer["result"] == "2100-02-03T04:05:06+02:00"
        moved = datetime(2100, 2, 3, 2, 5, 6, tzinfo=UTC)
        assert stack.store.tasks.get(task.id).at == moved
        with pytest.raises(CommandFailed, match="timezone"):
            await run_temporal(engine, *words, '{"at": "2100-02-03T04:05:06"}')
        await run_temporal(engine, *words, '{"at": "2020-01-01T00:00:00Z"}')
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
        with pytest.raises(CommandFailed, match="it is succeeded"):
            await run_temporal(engine, *words, '{"at": "2100-02-03T04:05:06Z"}')


REQUEST = '{"reason": "graphs are flat", "requested_by": "release bot"}'
A_GATE = {
    "canary_resources": ["main/alibaba.cdn/a.example.com"],
    "gate": True,
    "on_budget_exceeded": "stop",
    "canary_budget": 1,
}


async def wait_at_gate(engine: Client, task: TaskRecord) -> None:
    """Returns once the task is at its gate."""
    while (await query_progress(engine, task))["stage"] != "gate":
        await asyncio.sleep(0.1)


async def test_update_proceed_lets_a_task_go_on_that_waits_for_it(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine, rollout=RolloutPolicy.model_validate(A_GATE))
        await wait_at_gate(engine, task)
        with pytest.raises(CommandFailed, match="reason"):
            await send_update(engine, task, "proceed", '{"requested_by": "release bot"}')
        assert await send_update(engine, task, "proceed", REQUEST) == 2
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
        with pytest.raises(CommandFailed, match="it is succeeded"):
            await send_update(engine, task, "proceed", REQUEST)
    recorded = {
        (event.code, event.by, event.text) for event in stack.store.tasks.list_events(task.id)
    }
    assert ("proceed", "release bot", "graphs are flat") in recorded


async def test_update_stop_begins_nothing_more_and_signal_retry_takes_it_up(
    stack: Stack, engine: Client
) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine, rollout=RolloutPolicy.model_validate(A_GATE))
        await wait_at_gate(engine, task)
        assert await send_update(engine, task, "stop", REQUEST) is None
        ended = await stack.wait_ended(task)
        assert (ended.status, ended.tally.skipped) == (TaskStatus.PARTIALLY_FAILED, 1)
        with pytest.raises(CommandFailed, match="it is partially failed"):
            await send_update(engine, task, "stop", REQUEST)
        body = (
            '{"resources": ["main/alibaba.cdn/b.example.com"],'
            ' "reason": "it was a false alarm", "requested_by": "on call"}'
        )
        await send_signal(engine, task, "retry", body)
        again = await stack.wait_ended(task, TaskStatus.SUCCEEDED)
    assert again.tally.deployed == 2
    recorded = [(e.by, e.text) for e in stack.store.tasks.list_events(task.id) if e.code == "retry"]
    assert recorded == [("on call", "it was a false alarm (1 change, 1 of quota)")]


async def test_query_progress_has_these_fields(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        task = await create(stack, engine)
        await stack.wait_ended(task)
        answer = await query_progress(engine, task)
    assert not answer.pop("stuck"), "the command prints an empty list as null"
    assert {name: type(value) for name, value in answer.items()} == PROGRESS
    assert answer["tally"].keys() == TALLY
    assert (answer["status"], answer["phase"]) == ("succeeded", "settled")
    assert answer["tally"]["deployed"] == 2
    assert datetime.fromisoformat(answer["at"]) == task.at
