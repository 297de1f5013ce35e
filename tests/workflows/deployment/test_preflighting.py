"""Right before its first change a task looks at all that it needs, and touches nothing refused."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from activities.bookkeeping import TaskAt
from activities.heartbeats import Heart
from activities.preflight import REFUSED, WARNED, Preflight
from domain.calendar.windows import Freeze, Scope
from domain.errors import BadInput
from domain.preflight.checks import Policy
from domain.tasks.record import Draft, TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from starter.requests.task_draft import drafted, schedule
from tests.support.factory import DAY, Authority
from tests.support.flights import keep, swap_keys
from tests.support.house import House
from tests.support.responders import Responder
from tests.workflows.test_deploying import SET

A, B = "a.example.com", "b.example.com"
UPLOAD = "cas.UploadUserCertificate"


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder(Authority.root("Root").sub("Issuing")).serving() as serving:
        yield serving


def audit(house: House, task: TaskRecord, kind: str) -> list[str]:
    return [event.text for event in house.store.tasks.events(task.id) if event.kind == kind]


async def test_a_certificate_revoked_while_the_task_waits_goes_nowhere_and_the_rest_does(
    any_house: House, engine: Client, responder: Responder
) -> None:
    house = any_house
    house.domains(A, B)
    leaf = responder.leaf([A])
    bad, good = keep(house, "bad", leaf), house.upload("good", B)
    house.grant(2)
    plan = house.plan(bad, good)
    async with house.working(engine):
        task = await house.create(engine, plan, delay=timedelta(hours=1))
        responder.revoke(leaf)
        await tasks.reschedule(engine, task, datetime.now(UTC))
        ended = await house.ended(task)
    outcomes = house.outcomes(ended)
    failed = outcomes[A]
    assert failed.status is OutcomeStatus.FAILED
    assert failed.cause is not None
    assert (failed.cause.code, failed.cause.needs_operator) == ("C07", True)
    assert failed.cause.message.startswith("revoked: bad: it was revoked on 2026-03-01")
    assert (failed.attempts, failed.applied) == (0, False)
    assert outcomes[B].status is OutcomeStatus.DEPLOYED
    assert house.served(A) == house.former[A]
    assert house.cloud.certificates(account=house.key_id, fingerprint=bad.fingerprint) == []
    (told,) = audit(house, ended, REFUSED)
    assert told.startswith("C07 revoked: bad")
    assert any(each.startswith("C12") for each in audit(house, ended, WARNED))
    assert house.store.quota.balance() == 1


async def test_an_account_whose_key_was_disabled_fails_all_that_needs_it_before_any_write(
    house: House, engine: Client
) -> None:
    house.domains(A, B)
    plan = house.plan(house.upload("new", "*.example.com"))
    house.grant(2)
    house.cloud.fault("error", "*", code="InvalidAccessKeyId.Inactive", status=404)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is TaskStatus.FAILED
    causes = [each.cause for each in house.outcomes(task).values()]
    assert [cause and cause.code for cause in causes] == ["C13", "C13"]
    assert all(cause and cause.needs_operator for cause in causes)
    house.cloud.clear_faults()
    assert UPLOAD not in house.cloud.calls()
    assert f"cdn.{SET}" not in house.cloud.calls()
    assert house.store.quota.balance() == 2


async def test_a_refusal_about_the_task_is_about_all_of_it(house: House, engine: Client) -> None:
    house.domains(A, B)
    plan = house.plan(house.upload("new", "*.example.com"))
    house.grant(2)
    now = datetime.now(UTC)
    frozen = Freeze(name="close", begins=now - DAY, ends=now + DAY, reason="sale", scope=Scope())
    house.store.calendar.freezes.add(frozen)
    # What is served expires before the freeze ends, which overrides it; not without a word.
    house.store.calendar.margin = 100 * DAY
    async with house.working(engine):
        task = await house.create(engine, plan, checks={"C17": Policy.REFUSE})
        ended = await house.ended(task)
    assert ended.status is TaskStatus.FAILED
    assert {each.cause and each.cause.code for each in house.outcomes(ended).values()} == {"C17"}
    assert house.served(A) == house.former[A]


async def test_the_tasks_own_word_on_a_check_holds_for_it_alone(
    house: House, engine: Client
) -> None:
    house.domains(A)
    new, other = house.upload("new", A), house.upload("other", A)
    plan = house.plan(new)
    swap_keys(house, new, other)
    house.grant(1)
    house.cloud.fault("error", "UploadUserCertificate", code="KeyMismatch", status=400)
    async with house.working(engine):
        first = await house.ended(await house.create(engine, plan, name="first"))
        warned = {"C03": Policy.WARN}
        task = await house.create(engine, plan, name="second", checks=warned)
        second = await house.ended(task)
    assert house.store.tasks.get(task.id).checks == warned
    codes = [house.outcomes(each)[A].cause for each in (first, second)]
    assert [cause and cause.code for cause in codes] == ["C03", "KeyMismatch"]
    assert any(each.startswith("C03") for each in audit(house, second, WARNED))


async def test_checks_that_cannot_be_made_are_told_and_hold_nothing_up(
    house: House, engine: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise BadInput("a defect of ours")

    house.domains(A)
    plan = house.plan(house.upload("new", A))
    house.grant(1)
    monkeypatch.setattr("activities.preflight.findings", broken)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    (told,) = audit(house, task, WARNED)
    assert told == "not all checks could be made: BadInput: a defect of ours"


async def test_a_repeated_step_tells_and_fails_nothing_twice(house: House) -> None:
    house.domains(A, B)
    bad, good = house.upload("bad", A), house.upload("good", B)
    plan = house.plan(bad, good)
    swap_keys(house, bad, good)
    house.grant(2)
    draft = drafted(
        name="x",
        plan=plan,
        contacts=(),
        at=datetime.now(UTC),
        created_by="tester",
        asked=Draft(rollback_days=1),
    )
    record, _ = schedule(house.store, draft, plan)
    house.store.tasks.create(record, plan)
    step = Preflight(house.store, house.clouds, Heart(), house.settings)
    at = TaskAt(task_id=record.id, at=datetime.now(UTC))
    first = await asyncio.to_thread(step.preflight, at)
    lines = house.store.tasks.events(record.id)
    second = await asyncio.to_thread(step.preflight, at)
    assert (first.failed, second.failed) == (1, 0)
    refused = [each for each in house.store.tasks.events(record.id) if each.kind == REFUSED]
    assert len(refused) == 1
    assert [each for each in lines if each.kind == REFUSED] == refused
