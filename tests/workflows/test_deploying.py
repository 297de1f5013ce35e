"""The way there: what fails, why, how often it was tried, what it costs."""

from temporalio.client import Client

from domain.certificates.certificate import Source
from domain.rollout.policy import Rollout
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import House

SET = "SetCdnDomainSSLCertificate"


async def test_one_failure_is_recorded_refunded_and_stops_no_other(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", "b.example.com", "c.example.com")
    new = house.upload("new", "*.example.com")
    house.grant(3)
    house.cloud.fault("error", SET, resource="b.example.com", code="IllegalOperation", status=403)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new)))
    assert task.status is TaskStatus.PARTIALLY_FAILED
    assert (task.tally.deployed, task.tally.failed) == (2, 1)
    failed = house.outcomes(task)["b.example.com"]
    assert failed.cause is not None
    assert failed.cause.code == "IllegalOperation"
    assert failed.cause.request_id
    assert failed.attempts == 1
    assert house.served("b.example.com") == house.former["b.example.com"]
    assert house.store.quota.balance() == 1


async def test_throttling_is_waited_out_as_the_cloud_asks(house: House, engine: Client) -> None:
    house.domains("a.example.com")
    new = house.upload("new", "a.example.com")
    house.grant(1)
    house.cloud.fault("throttle", SET, resource="a.example.com", count=2, retry_after_ms=50)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    assert house.outcomes(task)["a.example.com"].attempts == 3


async def test_a_lost_answer_ends_right_and_changes_nothing_twice(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com")
    new = house.upload("new", "a.example.com")
    house.grant(1)
    house.cloud.fault("lost", SET, resource="a.example.com", count=1)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    assert house.served("a.example.com") == new.fingerprint
    assert house.outcomes(task)["a.example.com"].attempts == 2


async def test_accepted_but_never_served_is_a_failure_and_is_taken_back_at_once(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", "b.example.com")
    new = house.upload("new", "*.example.com")
    house.grant(2)
    house.cloud.fault("unserved", SET, resource="a.example.com", count=1)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new)))
    assert (task.status, task.tally.deployed) == (TaskStatus.PARTIALLY_ROLLED_BACK, 1)
    outcome = house.outcomes(task)["a.example.com"]
    assert outcome.status is OutcomeStatus.ROLLED_BACK
    assert outcome.cause is not None
    assert outcome.cause.code == "NotServed"
    assert outcome.cause.message.endswith("; it was taken back")
    bound = house.cloud.resources(service="cdn", name="a.example.com")[0]["bound"]
    assert bound == house.former["a.example.com"]
    assert house.served("b.example.com") == new.fingerprint
    assert house.store.quota.balance() == 1


async def test_what_failed_stays_where_the_policy_says_so_and_can_be_taken_back(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com")
    new = house.upload("new", "a.example.com")
    house.grant(1)
    house.cloud.fault("unserved", SET, resource="a.example.com", count=1)
    kept = Rollout(take_back_failed=False)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new), rollout=kept))
        assert task.status is TaskStatus.FAILED
        outcome = house.outcomes(task)["a.example.com"]
        assert outcome.cause is not None
        assert outcome.cause.code == "NotServed"
        assert outcome.applied
        await tasks.rollback(engine, task, None, "not served", "tester")
        back = await house.ended(task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 1
    assert house.store.quota.balance() == 1


async def test_a_resource_that_someone_else_changed_is_refused_as_drifted(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com")
    plan = house.plan(house.upload("new", "a.example.com"))
    house.grant(1)
    other = house.ca.leaf(["a.example.com"])
    house.rebind("a.example.com", other)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    outcome = house.outcomes(task)["a.example.com"]
    assert outcome.cause is not None
    assert outcome.cause.code == "Drifted"
    assert other.fingerprint[:12] in outcome.cause.message
    assert house.served("a.example.com") == other.fingerprint


async def test_a_certificate_that_cannot_be_installed_fails_what_needs_it_and_no_more(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", "b.example.com")
    first, second = house.upload("first", "a.example.com"), house.upload("second", "b.example.com")
    house.grant(2)
    house.cloud.fault(
        "error", "UploadUserCertificate", resource="*first*", code="Forbidden.RAM", status=403
    )
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(first, second)))
    assert task.status is TaskStatus.PARTIALLY_FAILED
    outcomes = house.outcomes(task)
    failed = outcomes["a.example.com"]
    assert failed.cause is not None
    assert failed.cause.code == "Forbidden.RAM"
    assert failed.cause.advice
    assert outcomes["b.example.com"].status is OutcomeStatus.DEPLOYED
    assert house.store.quota.balance() == 1


async def test_a_certificate_is_uploaded_once_for_all_its_resources(
    house: House, engine: Client
) -> None:
    names = [f"n{number}.example.com" for number in range(6)]
    house.domains(*names)
    new = house.upload("new", "*.example.com")
    house.grant(6)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    stored = house.cloud.certificates(account=house.key_id, fingerprint=new.fingerprint)
    assert len(stored) == 1


async def test_an_official_certificate_costs_nothing(house: House, engine: Client) -> None:
    house.domains("a.example.com")
    plan = house.plan(house.upload("new", "a.example.com", source=Source.OFFICIAL))
    assert plan.cost == 0
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED


async def test_https_is_switched_on_where_it_was_named_and_off_again_by_rollback(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", https=False)
    new = house.upload("new", "a.example.com")
    house.grant(1)
    assert house.plan(new).changes == ()
    plan = house.plan(new, resources=("a.example.com",))
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
        assert house.served("a.example.com") == new.fingerprint
        await tasks.rollback(engine, task, None, "not yet", "tester")
        await house.ended(task, TaskStatus.ROLLED_BACK)
    assert house.served("a.example.com") is None


async def test_a_wildcard_domain_is_matched_deployed_and_verified(
    house: House, engine: Client
) -> None:
    house.domains(".apps.example.com")
    new = house.upload("new", "*.apps.example.com", algorithm="rsa")
    house.grant(1)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, house.plan(new)))
    assert task.status is TaskStatus.SUCCEEDED
    assert house.served("anything.apps.example.com") == new.fingerprint


async def test_cancelling_a_running_task_begins_nothing_more_and_keeps_what_is_deployed(
    house: House, engine: Client
) -> None:
    names = [f"n{number:02}.example.com" for number in range(12)]
    house.domains(*names)
    new = house.upload("new", "*.example.com")
    house.grant(12)
    house.cloud.fault("hang", SET, seconds=0.3)
    async with house.working(engine):
        task = await house.create(engine, house.plan(new), concurrency=2)
        running = await house.ended(task, TaskStatus.RUNNING)
        await tasks.cancel(engine, running, "enough", "tester")
        ended = await house.ended(task)
        assert ended.status is TaskStatus.CANCELLED
        assert ended.tally.skipped >= 6
        assert ended.tally.deployed + ended.tally.skipped == 12
        assert house.store.quota.balance() == ended.tally.skipped
        if ended.tally.deployed:
            await tasks.rollback(engine, ended, None, "all of it", "tester")
            await house.ended(task, TaskStatus.ROLLED_BACK)
    assert house.served("n11.example.com") == house.former["n11.example.com"]


async def test_a_change_of_plan_since_the_preview_is_refused(house: House, engine: Client) -> None:
    house.domains("a.example.com")
    plan = house.plan(house.upload("new", "a.example.com"))
    house.grant(1)
    task = await house.create(engine, plan)
    house.tamper_with_digest(task)
    async with house.working(engine):
        ended = await house.ended(task)
    assert ended.status is TaskStatus.FAILED
    assert house.served("a.example.com") == house.former["a.example.com"]
    assert house.store.quota.balance() == 1
