"""A renewal deploys a successor where its predecessor is served, as its policy says, and once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from domain.certificates.renewal import RenewalMode, RenewalPolicy
from domain.errors import BadInput
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.temporal.client import EngineUnreachable
from tests.support.renewals import HOSTS, RenewalSetup
from tests.support.stack import Stack

AUTOMATIC, PROPOSE = (
    RenewalPolicy(mode=RenewalMode.AUTOMATIC),
    RenewalPolicy(mode=RenewalMode.PROPOSE),
)


async def test_an_automatic_one_is_deployed_wherever_its_predecessor_is_served(
    stack: Stack, engine: Client
) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.seed_domains("stranger.example.com")
    stack.grant_quota(5)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    async with stack.run_worker(engine):
        handover = await renewing.renew(new)
        assert handover.task is not None
        ended = await stack.wait_ended(handover.task)
    assert (handover.changes, handover.is_new, handover.reason) == (2, True, None)
    assert (ended.status, ended.name) == (TaskStatus.SUCCEEDED, f"renew {new.name}")
    assert {stack.get_served(host) for host in HOSTS} == {new.fingerprint}
    assert (
        stack.get_served("stranger.example.com")
        == stack.fingerprints_before["stranger.example.com"]
    )


async def test_what_serves_an_older_one_of_its_predecessors_gets_the_newest(
    stack: Stack, engine: Client
) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.grant_quota(5)
    second = renewing.issue_next()
    renewing.store_certificate(second, "shop")
    renewing.bind(second, HOSTS[1])
    third = renewing.store_certificate(renewing.issue_next(), "shop")
    async with stack.run_worker(engine):
        handover = await renewing.renew(third)
        assert handover.task is not None
        await stack.wait_ended(handover.task)
    assert len(handover.predecessors) == 2
    assert {stack.get_served(host) for host in HOSTS} == {third.fingerprint}


async def test_the_same_call_again_makes_no_second_task(stack: Stack, engine: Client) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.grant_quota(5)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    first = await renewing.renew(new)
    again = await renewing.renew(new)
    assert first.task is not None
    assert again.task is not None
    assert (again.task.id, again.is_new, again.reason, again.changes) == (
        first.task.id,
        False,
        None,
        2,
    )
    async with stack.run_worker(engine):
        await stack.wait_ended(first.task)
        ended = await renewing.renew(new)
    assert ended.task is not None
    assert (ended.task.id, ended.reason_code) == (first.task.id, "task-ended")
    assert len(stack.store.tasks.list()) == 1


async def test_contacts_and_days_of_the_policy_are_those_of_the_task(
    stack: Stack, engine: Client
) -> None:
    stack.store.contacts.add("ops", "mail", "ops@example.com")
    policy = RenewalPolicy(mode=RenewalMode.AUTOMATIC, contacts=("ops",), rollback_days=3)
    renewing = RenewalSetup(stack, policy, engine)
    stack.grant_quota(5)
    handover = await renewing.renew(renewing.store_certificate(renewing.issue_next(), "shop"))
    assert handover.task is not None
    kept_for = handover.task.rollback_until - handover.task.created_at
    assert timedelta(days=3) <= kept_for < timedelta(days=3, minutes=1)
    assert (handover.task.created_by, handover.task.contacts) == ("tester", ("ops",))


async def test_without_quota_or_engine_it_is_kept_and_completed_later(
    stack: Stack, engine: Client
) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    with pytest.raises(EngineUnreachable):
        await renewing.renew(new)
    renewing.set_engine(engine)
    with pytest.raises(BadInput, check=lambda error: error.code == "quota-exceeded"):
        await renewing.renew(new)
    assert stack.store.tasks.list() == []
    stack.grant_quota(2)
    handover = await renewing.renew(new)
    assert (handover.is_new, handover.changes) == (True, 2)


async def test_a_proposed_one_is_a_saved_plan_once(stack: Stack) -> None:
    renewing = RenewalSetup(stack, PROPOSE)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    handover = await renewing.renew(new)
    assert handover.plan is not None
    assert handover.plan.plan_request is not None
    assert (handover.plan.origin, handover.plan.changes, handover.plan.name) == (
        "proposed",
        2,
        f"renew {new.name}",
    )
    assert handover.plan.plan_request.serving == handover.predecessors
    again = await renewing.renew(new)
    assert (again.plan, again.is_new) == (handover.plan, False)
    assert (stack.store.tasks.list(), len(stack.store.plans.list())) == ([], 1)


async def test_a_manual_one_is_only_reported(stack: Stack) -> None:
    renewing = RenewalSetup(stack, RenewalPolicy())
    handover = await renewing.renew(renewing.store_certificate(renewing.issue_next(), "shop"))
    assert (handover.predecessors, handover.reason) == ((renewing.first.fingerprint,), None)
    assert (handover.plan, handover.task) == (None, None)
    assert stack.store.plans.list() == []


async def test_fewer_names_make_a_proposal_of_an_automatic_one(stack: Stack) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC)
    stack.grant_quota(5)
    new = renewing.store_certificate(renewing.issue_next((HOSTS[0],)), "narrow", replaces="shop")
    handover = await renewing.renew(new)
    assert handover.names_lost == ("*.example.com",)
    assert handover.plan is not None
    assert (handover.plan.changes, handover.needs_operator) == (1, True)
    assert stack.store.tasks.list() == []


async def test_what_is_refused_is_reported_and_left_to_a_person(
    stack: Stack, engine: Client
) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.grant_quota(5)
    stack.cloud.add_fault(
        "error", "DescribeDomainCertificateInfo", resource=HOSTS[0], code="Forbidden", status=403
    )
    for each in stack.store.inventory.list():
        stack.store.inventory.mark_unknown(each.resource.id)
    handover = await renewing.renew(renewing.store_certificate(renewing.issue_next(), "shop"))
    assert [each.subject.rpartition("/")[2] for each in handover.refusals] == [HOSTS[0]]
    assert (handover.changes, handover.needs_operator) == (1, True)


async def test_accounts_and_services_of_the_policy_narrow_it(stack: Stack) -> None:
    for policy, changes in (
        (RenewalPolicy(mode=RenewalMode.PROPOSE, services=("alibaba.dcdn",)), 0),
        (RenewalPolicy(mode=RenewalMode.PROPOSE, accounts=("main",), services=("alibaba.cdn",)), 2),
    ):
        renewing = RenewalSetup(stack, policy)
        handover = await renewing.renew(
            renewing.store_certificate(renewing.issue_next(), f"for {changes}")
        )
        assert handover.changes == changes
        for each in stack.store.certificates.list():
            stack.store.certificates.delete(each.fingerprint)


async def test_what_failed_is_retried_and_the_rest_left_alone(stack: Stack, engine: Client) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.grant_quota(5)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    stack.cloud.add_fault(
        "error",
        "SetCdnDomainSSLCertificate",
        resource=HOSTS[0],
        code="IllegalOperation",
        status=403,
    )
    async with stack.run_worker(engine):
        first = await renewing.renew(new)
        assert first.task is not None
        assert (await stack.wait_ended(first.task)).status is TaskStatus.PARTIALLY_FAILED
        stack.cloud.clear_faults()
        second = await renewing.renew(new)
        assert second.task is not None
        assert (await stack.wait_ended(second.task)).status is TaskStatus.SUCCEEDED
    assert (second.task.name, second.changes) == (f"renew {new.name} (2)", 1)
    assert {stack.get_served(host) for host in HOSTS} == {new.fingerprint}


async def test_what_a_person_rolled_back_is_not_begun_again(stack: Stack, engine: Client) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.grant_quota(5)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    async with stack.run_worker(engine):
        first = await renewing.renew(new)
        assert first.task is not None
        await stack.wait_ended(first.task)
        await tasks.rollback(engine, first.task, None, "it is broken", "ops")
        await stack.wait_ended(first.task, TaskStatus.ROLLED_BACK)
        handover = await renewing.renew(new)
    assert handover.task is not None
    assert (handover.task.id, handover.needs_operator) == (first.task.id, True)
    assert handover.reason_code == "stopped-by-person"
    assert len(stack.store.tasks.list()) == 1


async def test_two_calls_at_once_make_one_task(stack: Stack, engine: Client) -> None:
    renewing = RenewalSetup(stack, AUTOMATIC, engine)
    stack.grant_quota(9)
    new = renewing.store_certificate(renewing.issue_next(), "shop")
    calls = [renewing.renew(new) for _ in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    wrong = [each for each in results if isinstance(each, BaseException)]
    assert all(isinstance(each, BadInput) and each.code == "name-taken" for each in wrong)
    assert len(stack.store.tasks.list()) == 1
    assert stack.store.tasks.list()[0].at <= datetime.now(UTC)
