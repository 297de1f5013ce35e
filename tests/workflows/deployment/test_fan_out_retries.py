"""Changes that fail for reasons that may pass are retried with backoff; other changes go on."""

import asyncio
from datetime import timedelta

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from domain.rollout.policy import RolloutPolicy
from domain.tasks.messages import build_workflow_id
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.stack import Stack

SET = "SetCdnDomainSSLCertificate"
A, B, C = "a.example.com", "b.example.com", "c.example.com"
MORE_THAN_ONE_SERIES = 12


async def test_a_service_that_is_down_for_long_fails_nothing(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    stack.seed_domains(A, B)
    stack.grant_quota(2)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.cloud.add_fault("5xx", SET, resource=A, count=MORE_THAN_ONE_SERIES)
    async with stack.run_worker(client):
        task = await stack.create_task(client, plan)
        await client.get_workflow_handle(build_workflow_id(task.id)).result()
    outcomes = stack.list_outcomes(task)
    assert stack.store.tasks.get(task.id).status is TaskStatus.SUCCEEDED
    assert outcomes[A].attempts > MORE_THAN_ONE_SERIES
    assert outcomes[A].cause is None
    assert outcomes[B].attempts == 1


async def test_it_is_given_up_in_the_end_and_says_what_was_wrong_last(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    stack.seed_domains(A, B)
    stack.grant_quota(2)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.cloud.add_fault("5xx", SET, resource=A)
    async with stack.run_worker(client):
        rollout = RolloutPolicy(keep_trying_seconds=1800)
        task = await stack.create_task(client, plan, rollout=rollout)
        await client.get_workflow_handle(build_workflow_id(task.id)).result()
    outcome = stack.list_outcomes(task)[A]
    record = stack.store.tasks.get(task.id)
    assert record.status is TaskStatus.PARTIALLY_ROLLED_BACK
    # The service may have changed the resource, so the task rolls it back.
    assert outcome.status is OutcomeStatus.ROLLED_BACK
    assert outcome.cause is not None
    assert outcome.cause.code == "ServiceUnavailable"
    assert outcome.started_at is not None
    assert outcome.attempts > 10
    assert stack.store.quota.get_balance() == 1


async def test_while_one_is_retried_others_go_on_and_the_task_shows_why(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(A, B, C)
    stack.grant_quota(3)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.cloud.add_fault("5xx", SET, resource=A)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, concurrency=1)
        async with asyncio.timeout(50):
            while not (progress := await tasks.progress(engine, task)) or not progress.stuck:
                await asyncio.sleep(0.1)
            while stack.list_outcomes(task)[C].status is not OutcomeStatus.DEPLOYED:
                await asyncio.sleep(0.1)
        assert (progress.stuck_total, progress.stuck[0].resource) == (1, f"main/alibaba.cdn/{A}")
        assert progress.stuck[0].until - progress.stuck[0].next_at > timedelta(hours=1)
        assert progress.waits_for in (None, "changes to retry")
        waiting = stack.list_outcomes(task)[A]
        assert waiting.status is OutcomeStatus.DEPLOYING
        assert waiting.cause is not None
        assert str(waiting.cause) == progress.stuck[0].cause
        stack.cloud.clear_faults()
        assert (await stack.wait_ended(task)).status is TaskStatus.SUCCEEDED
    assert stack.list_outcomes(task)[A].cause is None


async def test_a_task_that_is_cancelled_meanwhile_fails_it_with_the_last_cause(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(A)
    stack.grant_quota(1)
    plan = stack.build_plan(stack.upload("new", A))
    stack.cloud.add_fault("5xx", SET, resource=A)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan)
        async with asyncio.timeout(50):
            while not (progress := await tasks.progress(engine, task)) or not progress.stuck:
                await asyncio.sleep(0.1)
        await tasks.cancel(engine, stack.store.tasks.get(task.id), "enough", "tester")
        ended = await stack.wait_ended(task)
    assert (ended.status, ended.tally.failed + ended.tally.rolled_back) == (ended.status, 1)
    cause = stack.list_outcomes(task)[A].cause
    assert cause is not None
    assert cause.code != "Cancelled"
    assert stack.get_served(A) == stack.fingerprints_before[A]


async def test_a_store_that_is_down_at_first_is_installed_into_later(
    stack: Stack, skipping_engine: WorkflowEnvironment
) -> None:
    client = skipping_engine.client
    stack.seed_domains(A, B)
    stack.grant_quota(2)
    new = stack.upload("new", "*.example.com")
    plan = stack.build_plan(new)
    stack.cloud.add_fault("5xx", "UploadUserCertificate", count=MORE_THAN_ONE_SERIES)
    async with stack.run_worker(client):
        task = await stack.create_task(client, plan)
        await client.get_workflow_handle(build_workflow_id(task.id)).result()
    assert stack.store.tasks.get(task.id).status is TaskStatus.SUCCEEDED
    stored = stack.cloud.list_certificates(account=stack.key_id, fingerprint=new.fingerprint)
    assert len(stored) == 1, "uploaded once for both"
