"""Tests that a worker starts tasks that a client saved but did not start before it was killed."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url
from temporalio.client import Client

import worker
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import Tally, TaskStatus
from starter.requests import tasks
from starter.requests.task_draft import build_task_id
from starter.temporal.client import connect
from storage.settings import Settings
from tests.chaos.proxy import Proxy
from tests.faults.lab import Lab
from tests.support.stack import Stack

pytestmark = pytest.mark.faults

LONGER_THAN_RETRIES = 12.0  # seconds; the Temporal client itself retries for ten


def save_unstarted(stack: Stack, delay: timedelta = timedelta()) -> TaskRecord:
    """Save a task as `tasks.create` does, without starting its workflow."""
    stack.seed_domains("www.example.com")
    new = stack.upload("new", "www.example.com")
    stack.grant_quota(1)
    plan = stack.build_plan(new)
    now = datetime.now(UTC)
    record = TaskRecord(
        id=build_task_id(now),
        name="unstarted",
        status=TaskStatus.SCHEDULED,
        digest=plan.digest,
        certificates=plan.certificates,
        at=now + delay,
        rollback_until=now + timedelta(days=30),
        cost=plan.cost,
        created_at=now,
        created_by="tester",
        tally=Tally(pending=len(plan.changes)),
    )
    stack.store.tasks.create(record, plan)
    return record


async def test_a_starting_worker_runs_a_task_that_was_saved_and_not_started(lab: Lab) -> None:
    lab.kill_worker()
    task = save_unstarted(lab.stack)
    lab.start_worker()
    ended = await lab.stack.wait_ended(task)
    assert ended.status is TaskStatus.SUCCEEDED
    assert (
        lab.stack.get_served("www.example.com") != lab.stack.fingerprints_before["www.example.com"]
    )
    assert lab.stack.store.quota.get_balance() == 0


async def test_a_started_task_is_not_started_again(stack: Stack, engine: Client) -> None:
    task = save_unstarted(stack, timedelta(days=1))
    assert await tasks.start_unstarted(stack.store, engine) == 1
    handle = engine.get_workflow_handle(build_workflow_id(task.id))
    first = (await handle.describe()).run_id
    assert await tasks.start_unstarted(stack.store, engine) == 0
    assert (await handle.describe()).run_id == first


async def test_a_starting_worker_waits_for_its_database(
    tmp_path: Path, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.1)
    direct = make_url(postgresql_url)
    network = Proxy(Path(str(direct.query["host"])) / ".s.PGSQL.5432")
    network.set("cut")
    proxied = direct.set(host="127.0.0.1", port=network.port, query={"connect_timeout": "3"})
    url = SecretStr(proxied.render_as_string(hide_password=False))
    opening = asyncio.create_task(
        worker.open_store(Settings(home=tmp_path / "home", database_url=url))
    )
    await asyncio.sleep(1)
    assert not opening.done()
    network.set("open")
    (await asyncio.wait_for(opening, 30)).close()
    network.close()


async def test_a_starting_worker_waits_for_a_server_that_disappears(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection is cut after it was made and before the search for tasks."""
    task = save_unstarted(stack, timedelta(days=1))
    monkeypatch.setattr(worker, "RETRY_SECONDS", 0.1)
    network = Proxy(int(engine.service_client.config.target_host.rpartition(":")[2]))
    client = await connect(stack.settings.model_copy(update={"temporal_address": network.address}))
    network.set("cut")
    starting = asyncio.create_task(worker.start_missing_workflows(stack.store, client))
    await asyncio.sleep(LONGER_THAN_RETRIES)
    assert not starting.done()
    network.set("open")
    assert await asyncio.wait_for(starting, 30) == 1
    network.close()
    assert await engine.get_workflow_handle(build_workflow_id(task.id)).describe()
