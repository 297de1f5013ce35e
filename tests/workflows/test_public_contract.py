"""Names and JSON shapes that other services rely on, sent by the `temporal` command as they would.

What is pinned here is literal on purpose. A failure means that somebody's automation would break:
keep the old name or shape working beside the new one, do not edit this test to fit.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from domain.rollout.policy import Rollout
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.temporal.processes import temporal_binary
from tests.support.house import House

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


class Refused(Exception):
    """The command ended with an error; its text is what it wrote."""


async def temporal(engine: Client, *words: str) -> Any:
    """What `temporal workflow WORDS` prints as JSON."""
    address = engine.service_client.config.target_host
    process = await asyncio.create_subprocess_exec(
        temporal_binary(),
        "workflow",
        *words,
        *("--address", address, "--output", "json", "--color", "never", "--disable-config-file"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise Refused(err.decode())
    return json.loads(out) if out.strip() else None


async def signal(engine: Client, task: TaskRecord, name: str, body: str) -> None:
    words = ("--workflow-id", f"deployment-{task.id}", "--name", name, "--input", body)
    await temporal(engine, "signal", *words)


async def progress(engine: Client, task: TaskRecord) -> dict[str, Any]:
    words = ("--workflow-id", f"deployment-{task.id}", "--name", "progress")
    (answer,) = (await temporal(engine, "query", *words))["queryResult"]
    assert isinstance(answer, dict)
    return answer


async def update(engine: Client, task: TaskRecord, name: str, body: str) -> Any:
    words = ("--workflow-id", f"deployment-{task.id}", "--name", name, "--input", body)
    return (await temporal(engine, "update", "execute", *words))["result"]


async def created(house: House, engine: Client, **more: Any) -> TaskRecord:
    names = ("a.example.com", "b.example.com")
    house.domains(*names)
    new = house.upload("new", *names)
    house.grant(2)
    return await house.create(engine, house.plan(new), name="release", **more)


async def test_type_id_and_task_queue(house: House, engine: Client) -> None:
    task = await created(house, engine)
    told = await temporal(engine, "describe", "--workflow-id", f"deployment-{task.id}")
    assert told["workflowExecutionInfo"]["type"]["name"] == "DeploymentTask"
    assert told["workflowExecutionInfo"]["taskQueue"] == "certroll"


async def test_search_attributes_by_which_tasks_are_found(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await created(house, engine)
        await house.ended(task)
        query = (
            'CertrollTask = "release" AND CertrollStatus = "succeeded" '
            'AND CertrollCertificates = "new" AND CertrollScheduledAt < "2100-01-01T00:00:00Z"'
        )
        async with asyncio.timeout(10):  # the server indexes a moment later
            while not (found := await temporal(engine, "list", "--query", query)):
                await asyncio.sleep(0.1)
    assert {each["execution"]["workflowId"] for each in found} == {f"deployment-{task.id}"}


async def test_signal_rollback_takes_the_named_resources_then_the_whole_task_back(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await created(house, engine)
        await house.ended(task)
        body = (
            '{"resources": ["main/alibaba.cdn/a.example.com"],'
            ' "reason": "wrong chain", "requested_by": "monitoring"}'
        )
        await signal(engine, task, "rollback", body)
        await house.ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
        assert house.served("a.example.com") == house.former["a.example.com"]
        assert house.served("b.example.com") != house.former["b.example.com"]
        whole = '{"resources": null, "reason": "all of it", "requested_by": "on call"}'
        await signal(engine, task, "rollback", whole)
        await house.ended(task, TaskStatus.ROLLED_BACK)
    assert house.served("b.example.com") == house.former["b.example.com"]
    told = {(event.by, event.text) for event in house.store.tasks.events(task.id)}
    assert {("monitoring", "wrong chain"), ("on call", "all of it")} <= told


async def test_signal_cancel_ends_a_waiting_task(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await created(house, engine, delay=timedelta(days=1))
        await signal(engine, task, "cancel", '{"reason": "freeze", "requested_by": "release bot"}')
        assert (await house.ended(task)).status is TaskStatus.CANCELLED
    assert house.store.quota.balance() == 2


async def test_signal_delete_closes_the_task(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await created(house, engine)
        await house.ended(task)
        await signal(engine, task, "delete", '{"reason": "tidy", "requested_by": "janitor"}')
        assert await engine.get_workflow_handle(f"deployment-{task.id}").result() == "succeeded"
    assert house.store.tasks.get(task.id).deleted_at is not None


async def test_update_reschedule_answers_with_the_new_time(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await created(house, engine, delay=timedelta(days=1))
        words = ["update", "execute", "--workflow-id", f"deployment-{task.id}"]
        words += ["--name", "reschedule", "--input"]
        answer = await temporal(engine, *words, '{"at": "2100-02-03T04:05:06+02:00"}')
        assert answer["result"] == "2100-02-03T04:05:06+02:00"
        moved = datetime(2100, 2, 3, 2, 5, 6, tzinfo=UTC)
        assert house.store.tasks.get(task.id).at == moved
        with pytest.raises(Refused, match="timezone"):
            await temporal(engine, *words, '{"at": "2100-02-03T04:05:06"}')
        await temporal(engine, *words, '{"at": "2020-01-01T00:00:00Z"}')
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
        with pytest.raises(Refused, match="no longer waits, it is succeeded"):
            await temporal(engine, *words, '{"at": "2100-02-03T04:05:06Z"}')


WORD = '{"reason": "graphs are flat", "requested_by": "release bot"}'
A_GATE = {
    "canary_resources": ["main/alibaba.cdn/a.example.com"],
    "gate": True,
    "on_breach": "stop",
    "canary_budget": 1,
}


async def waits(engine: Client, task: TaskRecord) -> None:
    """Returns once the task waits for a word."""
    while (await progress(engine, task))["stage"] != "gate":
        await asyncio.sleep(0.1)


async def test_update_proceed_lets_a_task_go_on_that_waits_for_it(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await created(house, engine, rollout=Rollout.model_validate(A_GATE))
        await waits(engine, task)
        with pytest.raises(Refused, match="reason"):
            await update(engine, task, "proceed", '{"requested_by": "release bot"}')
        assert await update(engine, task, "proceed", WORD) == 2
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
        with pytest.raises(Refused, match="does not wait for a word, it is succeeded"):
            await update(engine, task, "proceed", WORD)
    told = {(event.kind, event.by, event.text) for event in house.store.tasks.events(task.id)}
    assert ("proceed", "release bot", "graphs are flat") in told


async def test_update_stop_begins_nothing_more_and_signal_retry_takes_it_up(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await created(house, engine, rollout=Rollout.model_validate(A_GATE))
        await waits(engine, task)
        assert await update(engine, task, "stop", WORD) is None
        ended = await house.ended(task)
        assert (ended.status, ended.tally.skipped) == (TaskStatus.PARTIALLY_FAILED, 1)
        with pytest.raises(Refused, match="nothing of the task waits, it is partially failed"):
            await update(engine, task, "stop", WORD)
        body = (
            '{"resources": ["main/alibaba.cdn/b.example.com"],'
            ' "reason": "it was a false alarm", "requested_by": "on call"}'
        )
        await signal(engine, task, "retry", body)
        again = await house.ended(task, TaskStatus.SUCCEEDED)
    assert again.tally.deployed == 2
    told = [(e.by, e.text) for e in house.store.tasks.events(task.id) if e.kind == "retry"]
    assert told == [("on call", "it was a false alarm (1 change, 1 of quota)")]


async def test_query_progress_has_these_fields(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await created(house, engine)
        await house.ended(task)
        answer = await progress(engine, task)
    assert not answer.pop("stuck"), "the command prints an empty list as null"
    assert {name: type(value) for name, value in answer.items()} == PROGRESS
    assert answer["tally"].keys() == TALLY
    assert (answer["status"], answer["phase"]) == ("succeeded", "settled")
    assert answer["tally"]["deployed"] == 2
    assert datetime.fromisoformat(answer["at"]) == task.at
