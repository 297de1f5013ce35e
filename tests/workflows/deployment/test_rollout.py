"""Deploying: outcomes, causes, attempts and quota."""

from temporalio.client import Client

from domain.certificates.certificate import Source
from domain.rollout.policy import RolloutPolicy
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.stack import Stack

SET = "SetCdnDomainSSLCertificate"


async def test_one_failure_is_recorded_refunded_and_stops_no_other(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", "b.example.com", "c.example.com")
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(3)
    stack.cloud.add_fault(
        "error", SET, resource="b.example.com", code="IllegalOperation", status=403
    )
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new)))
    assert task.status is TaskStatus.PARTIALLY_FAILED
    assert (task.tally.deployed, task.tally.failed) == (2, 1)
    failed = stack.list_outcomes(task)["b.example.com"]
    assert failed.cause is not None
    assert failed.cause.code == "IllegalOperation"
    assert failed.cause.request_id
    assert failed.attempts == 1
    assert stack.get_served("b.example.com") == stack.fingerprints_before["b.example.com"]
    assert stack.store.quota.get_balance() == 1


async def test_throttling_is_waited_out_as_the_cloud_asks(stack: Stack, engine: Client) -> None:
    stack.seed_domains("a.example.com")
    new = stack.upload("new", "a.example.com")
    stack.grant_quota(1)
    stack.cloud.add_fault("throttle", SET, resource="a.example.com", count=2, retry_after_ms=50)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    assert stack.list_outcomes(task)["a.example.com"].attempts == 3


async def test_a_lost_answer_is_recovered_and_changes_nothing_twice(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com")
    new = stack.upload("new", "a.example.com")
    stack.grant_quota(1)
    stack.cloud.add_fault("lost", SET, resource="a.example.com", count=1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    assert stack.get_served("a.example.com") == new.fingerprint
    assert stack.list_outcomes(task)["a.example.com"].attempts == 2


async def test_accepted_but_never_served_is_a_failure_and_is_rolled_back_at_once(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(2)
    stack.cloud.add_fault("unserved", SET, resource="a.example.com", count=1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new)))
    assert (task.status, task.tally.deployed) == (TaskStatus.PARTIALLY_ROLLED_BACK, 1)
    outcome = stack.list_outcomes(task)["a.example.com"]
    assert outcome.status is OutcomeStatus.ROLLED_BACK
    assert outcome.cause is not None
    assert outcome.cause.code == "NotServed"
    assert outcome.cause.rolled_back
    bound = stack.cloud.list_resources(service="cdn", name="a.example.com")[0]["bound"]
    assert bound == stack.fingerprints_before["a.example.com"]
    assert stack.get_served("b.example.com") == new.fingerprint
    assert stack.store.quota.get_balance() == 1


async def test_what_failed_stays_where_the_policy_says_so_and_can_be_rolled_back(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com")
    new = stack.upload("new", "a.example.com")
    stack.grant_quota(1)
    stack.cloud.add_fault("unserved", SET, resource="a.example.com", count=1)
    kept = RolloutPolicy(roll_back_failed=False)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(
            await stack.create_task(engine, stack.build_plan(new), rollout=kept)
        )
        assert task.status is TaskStatus.FAILED
        outcome = stack.list_outcomes(task)["a.example.com"]
        assert outcome.cause is not None
        assert outcome.cause.code == "NotServed"
        assert outcome.applied
        await tasks.rollback(engine, task, None, "not served", "tester")
        back = await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 1
    assert stack.store.quota.get_balance() == 1


async def test_a_resource_that_someone_else_changed_is_refused_as_drifted(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com")
    plan = stack.build_plan(stack.upload("new", "a.example.com"))
    stack.grant_quota(1)
    other = stack.ca.leaf(["a.example.com"])
    stack.rebind("a.example.com", other)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    outcome = stack.list_outcomes(task)["a.example.com"]
    assert outcome.cause is not None
    assert outcome.cause.code == "Drifted"
    assert other.fingerprint[:12] in outcome.cause.message
    assert stack.get_served("a.example.com") == other.fingerprint


async def test_a_certificate_that_cannot_be_installed_fails_what_needs_it_and_no_more(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", "b.example.com")
    first, second = stack.upload("first", "a.example.com"), stack.upload("second", "b.example.com")
    stack.grant_quota(2)
    stack.cloud.add_fault(
        "error", "UploadUserCertificate", resource="*first*", code="Forbidden.RAM", status=403
    )
    async with stack.run_worker(engine):
        task = await stack.wait_ended(
            await stack.create_task(engine, stack.build_plan(first, second))
        )
    assert task.status is TaskStatus.PARTIALLY_FAILED
    outcomes = stack.list_outcomes(task)
    failed = outcomes["a.example.com"]
    assert failed.cause is not None
    assert failed.cause.code == "Forbidden.RAM"
    assert failed.cause.advice
    assert outcomes["b.example.com"].status is OutcomeStatus.DEPLOYED
    assert stack.store.quota.get_balance() == 1


async def test_a_certificate_is_uploaded_once_for_all_its_resources(
    stack: Stack, engine: Client
) -> None:
    names = [f"n{number}.example.com" for number in range(6)]
    stack.seed_domains(*names)
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(6)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    stored = stack.cloud.list_certificates(account=stack.key_id, fingerprint=new.fingerprint)
    assert len(stored) == 1


async def test_an_official_certificate_costs_nothing(stack: Stack, engine: Client) -> None:
    stack.seed_domains("a.example.com")
    plan = stack.build_plan(stack.upload("new", "a.example.com", source=Source.OFFICIAL))
    assert plan.cost == 0
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED


async def test_https_is_switched_on_where_it_was_named_and_off_again_by_rollback(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com", https=False)
    new = stack.upload("new", "a.example.com")
    stack.grant_quota(1)
    assert stack.build_plan(new).changes == ()
    plan = stack.build_plan(new, resources=("a.example.com",))
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
        assert stack.get_served("a.example.com") == new.fingerprint
        await tasks.rollback(engine, task, None, "not yet", "tester")
        await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert stack.get_served("a.example.com") is None


async def test_a_wildcard_domain_is_matched_deployed_and_verified(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(".apps.example.com")
    new = stack.upload("new", "*.apps.example.com", algorithm="rsa")
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, stack.build_plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    assert stack.get_served("anything.apps.example.com") == new.fingerprint


async def test_cancelling_a_running_task_begins_nothing_more_and_keeps_what_is_deployed(
    stack: Stack, engine: Client
) -> None:
    names = [f"n{number:02}.example.com" for number in range(12)]
    stack.seed_domains(*names)
    new = stack.upload("new", "*.example.com")
    stack.grant_quota(12)
    stack.cloud.add_fault("hang", SET, seconds=0.3)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new), concurrency=2)
        running = await stack.wait_ended(task, TaskStatus.RUNNING)
        await tasks.cancel(engine, running, "enough", "tester")
        ended = await stack.wait_ended(task)
        assert ended.status is TaskStatus.CANCELLED
        assert ended.tally.skipped >= 6
        assert ended.tally.deployed + ended.tally.skipped == 12
        assert stack.store.quota.get_balance() == ended.tally.skipped
        if ended.tally.deployed:
            await tasks.rollback(engine, ended, None, "all of it", "tester")
            await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert stack.get_served("n11.example.com") == stack.fingerprints_before["n11.example.com"]


async def test_a_change_of_plan_since_the_preview_is_refused(stack: Stack, engine: Client) -> None:
    stack.seed_domains("a.example.com")
    plan = stack.build_plan(stack.upload("new", "a.example.com"))
    stack.grant_quota(1)
    task = await stack.create_task(engine, plan)
    stack.tamper_with_digest(task)
    async with stack.run_worker(engine):
        ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.FAILED
    assert stack.get_served("a.example.com") == stack.fingerprints_before["a.example.com"]
    assert stack.store.quota.get_balance() == 1
