"""Cleanup after a task: former certificates are deleted; its failure fails no task."""

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.tasks.messages import build_workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.support.stack import Stack

NAME = "a.example.com"
ASK, DELETE = "GetCertificateDetail", "DeleteUserCertificate"
NAMES = ("first", "second", "third", "last")


async def create_deployed(
    stack: Stack, engine: Client, name: str, rollback_days: int = 0
) -> Certificate:
    """A new certificate, deployed by a task that has ended."""
    certificate = stack.upload(name, NAME)
    task = await stack.create_task(
        engine, stack.build_plan(certificate), name=name, rollback_days=rollback_days
    )
    ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.SUCCEEDED
    return certificate


async def deploy_generations(
    stack: Stack, engine: Client, rollback_days: int = 0
) -> list[Certificate]:
    """Deploys four certificates to one domain, the last with this rollback window."""
    stack.seed_domains(NAME)
    stack.grant_quota(4)
    made = [await create_deployed(stack, engine, name) for name in NAMES[:3]]
    return [*made, await create_deployed(stack, engine, NAMES[3], rollback_days)]


async def wait_closed(stack: Stack, engine: Client) -> TaskRecord:
    """The last task, once its workflow has closed."""
    record = stack.store.tasks.find(NAMES[3])
    await engine.get_workflow_handle(build_workflow_id(record.id)).result()
    return stack.store.tasks.get(record.id)


def is_stored(stack: Stack, certificate: Certificate) -> bool:
    return bool(stack.cloud.list_certificates(fingerprint=certificate.fingerprint))


def list_audit(stack: Stack) -> list[str]:
    events = stack.store.tasks.list_events(stack.store.tasks.find(NAMES[3]).id)
    return [event.text for event in events if event.code == "cleanup"]


async def test_what_nobody_needs_any_more_is_removed(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        made = await deploy_generations(stack, engine)
        await wait_closed(stack, engine)
    assert [is_stored(stack, one) for one in made] == [False, True, True, True]
    (line,) = list_audit(stack)
    assert line.startswith(f"first ({made[0].short_fingerprint}) in alibaba.cas/cn of main")


async def test_a_refusal_is_reported_and_fails_nothing(stack: Stack, engine: Client) -> None:
    stack.cloud.add_fault("error", DELETE, code="Forbidden.RAM", status=403)
    async with stack.run_worker(engine):
        made = await deploy_generations(stack, engine)
        record = await wait_closed(stack, engine)
    assert record.status is TaskStatus.SUCCEEDED
    assert is_stored(stack, made[0])
    (line,) = list_audit(stack)
    assert "Forbidden.RAM" in line


async def test_a_step_that_fails_as_a_whole_is_reported_and_fails_nothing(
    stack: Stack, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(task_id: str) -> list[str]:
        raise BadInput("the database is gone", code="database-gone")

    monkeypatch.setattr(stack.store.usage, "list_accounts", fail)
    async with stack.run_worker(engine):
        await deploy_generations(stack, engine)
        record = await wait_closed(stack, engine)
    assert record.status is TaskStatus.SUCCEEDED
    (line,) = list_audit(stack)
    assert "database-gone" in line


async def test_who_wants_a_task_back_does_not_wait_for_it(stack: Stack, engine: Client) -> None:
    async with stack.run_worker(engine):
        hang = stack.cloud.add_fault("hang", ASK, seconds=30)
        made = await deploy_generations(stack, engine, rollback_days=30)
        while not stack.cloud.count_hits(hang):
            await asyncio.sleep(0.05)
        record = stack.store.tasks.find(NAMES[3])
        await tasks.rollback(engine, record, None, "wrong", "tester")
        await stack.wait_settled(engine, record, TaskStatus.ROLLED_BACK)
        assert stack.get_served(NAME) == made[2].fingerprint
        history = await engine.get_workflow_handle(build_workflow_id(record.id)).fetch_history()
    kinds = {event.event_type for event in history.events}
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED in kinds
    assert is_stored(stack, made[0])
