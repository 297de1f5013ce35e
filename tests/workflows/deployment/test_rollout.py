"""After a task former certificates leave the store; that it does not work out fails no task."""

import asyncio

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.support.house import House

NAME = "a.example.com"
ASK, DELETE = "GetCertificateDetail", "DeleteUserCertificate"
NAMES = ("first", "second", "third", "last")


async def deployed(house: House, engine: Client, name: str, rollback_days: int = 0) -> Certificate:
    """A new certificate, deployed by a task that has ended."""
    certificate = house.upload(name, NAME)
    task = await house.create(
        engine, house.plan(certificate), name=name, rollback_days=rollback_days
    )
    ended = await house.ended(task)
    assert ended.status is TaskStatus.SUCCEEDED
    return certificate


async def generations(house: House, engine: Client, rollback_days: int = 0) -> list[Certificate]:
    """Four certificates of one domain; how long the last one may be taken back."""
    house.domains(NAME)
    house.grant(4)
    made = [await deployed(house, engine, name) for name in NAMES[:3]]
    return [*made, await deployed(house, engine, NAMES[3], rollback_days)]


async def closed(house: House, engine: Client) -> TaskRecord:
    """The last task, when nothing more can be asked of it."""
    record = house.store.tasks.find(NAMES[3])
    await engine.get_workflow_handle(workflow_id(record.id)).result()
    return house.store.tasks.get(record.id)


def is_stored(house: House, certificate: Certificate) -> bool:
    return bool(house.cloud.certificates(fingerprint=certificate.fingerprint))


def audit(house: House) -> list[str]:
    events = house.store.tasks.events(house.store.tasks.find(NAMES[3]).id)
    return [event.text for event in events if event.kind == "cleanup"]


async def test_what_nobody_needs_any_more_is_removed(house: House, engine: Client) -> None:
    async with house.working(engine):
        made = await generations(house, engine)
        await closed(house, engine)
    assert [is_stored(house, one) for one in made] == [False, True, True, True]
    (line,) = audit(house)
    assert line.startswith(f"first ({made[0].short}) in alibaba.cas/cn of main is removed")


async def test_a_refusal_is_told_and_fails_nothing(house: House, engine: Client) -> None:
    house.cloud.fault("error", DELETE, code="Forbidden.RAM", status=403)
    async with house.working(engine):
        made = await generations(house, engine)
        record = await closed(house, engine)
    assert record.status is TaskStatus.SUCCEEDED
    assert is_stored(house, made[0])
    (line,) = audit(house)
    assert "could not be removed: Forbidden.RAM" in line


async def test_a_step_that_fails_as_a_whole_is_told_and_fails_nothing(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(task_id: str) -> list[str]:
        raise BadInput("the database is gone")

    monkeypatch.setattr(house.store.usage, "accounts", fail)
    async with house.working(engine):
        await generations(house, engine)
        record = await closed(house, engine)
    assert record.status is TaskStatus.SUCCEEDED
    assert audit(house) == ["ended early: BadInput: the database is gone"]


async def test_who_wants_a_task_back_does_not_wait_for_it(house: House, engine: Client) -> None:
    async with house.working(engine):
        hang = house.cloud.fault("hang", ASK, seconds=30)
        made = await generations(house, engine, rollback_days=30)
        while not house.cloud.hits(hang):
            await asyncio.sleep(0.05)
        record = house.store.tasks.find(NAMES[3])
        await tasks.rollback(engine, record, None, "wrong", "tester")
        await house.settled(engine, record, TaskStatus.ROLLED_BACK)
        assert house.served(NAME) == made[2].fingerprint
        history = await engine.get_workflow_handle(workflow_id(record.id)).fetch_history()
    kinds = {event.event_type for event in history.events}
    assert EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED in kinds
    assert is_stored(house, made[0])
