"""What fails for reasons that may pass is tried for as long as it makes sense, and others go on."""

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.rollout.policy import Rollout
from domain.tasks.messages import workflow_id
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import House

SET = "SetCdnDomainSSLCertificate"
A, B, C = "a.example.com", "b.example.com", "c.example.com"
MORE_THAN_ONE_TURN = 12


async def test_a_service_that_is_down_for_long_fails_nothing(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    house.domains(A, B)
    house.grant(2)
    plan = house.plan(house.upload("new", "*.example.com"))
    house.cloud.fault("5xx", SET, resource=A, count=MORE_THAN_ONE_TURN)
    async with house.working(client):
        task = await house.create(client, plan)
        await client.get_workflow_handle(workflow_id(task.id)).result()
    outcomes = house.outcomes(task)
    assert house.store.tasks.get(task.id).status is TaskStatus.SUCCEEDED
    assert outcomes[A].attempts > MORE_THAN_ONE_TURN
    assert outcomes[A].cause is None
    assert outcomes[B].attempts == 1


async def test_it_is_given_up_in_the_end_and_says_what_was_wrong_last(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    house.domains(A, B)
    house.grant(2)
    plan = house.plan(house.upload("new", "*.example.com"))
    house.cloud.fault("5xx", SET, resource=A)
    async with house.working(client):
        rollout = Rollout(keep_trying_seconds=1800)
        task = await house.create(client, plan, rollout=rollout)
        await client.get_workflow_handle(workflow_id(task.id)).result()
    outcome = house.outcomes(task)[A]
    record = house.store.tasks.get(task.id)
    assert record.status is TaskStatus.PARTIALLY_ROLLED_BACK
    # Nobody knows whether the service had changed it, so that it is taken back.
    assert outcome.status is OutcomeStatus.ROLLED_BACK
    assert outcome.cause is not None
    assert outcome.cause.code == "ServiceUnavailable"
    assert outcome.started_at is not None
    assert outcome.attempts > 10
    assert house.store.quota.balance() == 1


async def test_while_one_is_tried_again_others_go_on_and_the_task_shows_why(
    house: House, engine: Client
) -> None:
    house.domains(A, B, C)
    house.grant(3)
    plan = house.plan(house.upload("new", "*.example.com"))
    house.cloud.fault("5xx", SET, resource=A)
    async with house.working(engine):
        task = await house.create(engine, plan, concurrency=1)
        async with asyncio.timeout(50):
            while not (told := await tasks.progress(engine, task)) or not told.stuck:
                await asyncio.sleep(0.1)
            while house.outcomes(task)[C].status is not OutcomeStatus.DEPLOYED:
                await asyncio.sleep(0.1)
        assert (told.stuck_total, told.stuck[0].resource) == (1, f"main/alibaba.cdn/{A}")
        assert told.stuck[0].until - told.stuck[0].next_at > timedelta(hours=1)
        assert told.waits_for in (None, "changes that are tried again")
        waiting = house.outcomes(task)[A]
        assert waiting.status is OutcomeStatus.DEPLOYING
        assert waiting.cause is not None
        assert str(waiting.cause) == told.stuck[0].cause
        house.cloud.clear_faults()
        assert (await house.ended(task)).status is TaskStatus.SUCCEEDED
    assert house.outcomes(task)[A].cause is None


async def test_a_task_that_is_cancelled_meanwhile_fails_it_with_the_last_cause(
    house: House, engine: Client
) -> None:
    house.domains(A)
    house.grant(1)
    plan = house.plan(house.upload("new", A))
    house.cloud.fault("5xx", SET, resource=A)
    async with house.working(engine):
        task = await house.create(engine, plan)
        async with asyncio.timeout(50):
            while not (told := await tasks.progress(engine, task)) or not told.stuck:
                await asyncio.sleep(0.1)
        await tasks.cancel(engine, house.store.tasks.get(task.id), "enough", "tester")
        ended = await house.ended(task)
    assert (ended.status, ended.tally.failed + ended.tally.rolled_back) == (ended.status, 1)
    cause = house.outcomes(task)[A].cause
    assert cause is not None
    assert cause.code != "Cancelled"
    assert house.served(A) == house.former[A]


async def test_a_store_that_is_down_at_first_is_installed_into_later(
    house: House, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    house.domains(A, B)
    house.grant(2)
    new = house.upload("new", "*.example.com")
    plan = house.plan(new)
    house.cloud.fault("5xx", "UploadUserCertificate", count=MORE_THAN_ONE_TURN)
    async with house.working(client):
        task = await house.create(client, plan)
        await client.get_workflow_handle(workflow_id(task.id)).result()
    assert house.store.tasks.get(task.id).status is TaskStatus.SUCCEEDED
    stored = house.cloud.certificates(account=house.key_id, fingerprint=new.fingerprint)
    assert len(stored) == 1, "uploaded once for both"
