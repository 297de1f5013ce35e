"""A successor goes where its predecessor is served, as its policy says, and only once."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import Client

from domain.certificates.renewal import Mode, Policy
from domain.errors import BadInput
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from starter.temporal.client import EngineUnreachable
from tests.starter.renewing import HOSTS, Renewing
from tests.support.house import House

AUTOMATIC, PROPOSE = Policy(mode=Mode.AUTOMATIC), Policy(mode=Mode.PROPOSE)


async def test_an_automatic_one_is_deployed_wherever_its_predecessor_is_served(
    house: House, engine: Client
) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.domains("stranger.example.com")
    house.grant(5)
    new = renewing.keep(renewing.next(), "shop")
    async with house.working(engine):
        told = await renewing.renew(new)
        assert told.task is not None
        ended = await house.ended(told.task)
    assert (told.changes, told.is_new, told.reason) == (2, True, None)
    assert (ended.status, ended.name) == (TaskStatus.SUCCEEDED, f"renew {new.name}")
    assert {house.served(host) for host in HOSTS} == {new.fingerprint}
    assert house.served("stranger.example.com") == house.former["stranger.example.com"]


async def test_what_serves_an_older_one_of_the_line_gets_the_newest(
    house: House, engine: Client
) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.grant(5)
    second = renewing.next()
    renewing.keep(second, "shop")
    renewing.serve(second, HOSTS[1])
    third = renewing.keep(renewing.next(), "shop")
    async with house.working(engine):
        told = await renewing.renew(third)
        assert told.task is not None
        await house.ended(told.task)
    assert len(told.predecessors) == 2
    assert {house.served(host) for host in HOSTS} == {third.fingerprint}


async def test_the_same_call_again_makes_no_second_task(house: House, engine: Client) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.grant(5)
    new = renewing.keep(renewing.next(), "shop")
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
    async with house.working(engine):
        await house.ended(first.task)
        ended = await renewing.renew(new)
    assert ended.task is not None
    assert (ended.task.id, ended.reason) == (
        first.task.id,
        "its task has ended, and nothing is left",
    )
    assert len(house.store.tasks.list()) == 1


async def test_contacts_and_days_of_the_policy_are_those_of_the_task(
    house: House, engine: Client
) -> None:
    house.store.contacts.add("ops", "mail", "ops@example.com")
    policy = Policy(mode=Mode.AUTOMATIC, contacts=("ops",), rollback_days=3)
    renewing = Renewing(house, policy, engine)
    house.grant(5)
    told = await renewing.renew(renewing.keep(renewing.next(), "shop"))
    assert told.task is not None
    kept_for = told.task.rollback_until - told.task.created_at
    assert timedelta(days=3) <= kept_for < timedelta(days=3, minutes=1)
    assert (told.task.created_by, told.task.contacts) == ("tester", ("ops",))


async def test_without_quota_or_engine_it_is_kept_and_completed_later(
    house: House, engine: Client
) -> None:
    renewing = Renewing(house, AUTOMATIC)
    new = renewing.keep(renewing.next(), "shop")
    with pytest.raises(EngineUnreachable):
        await renewing.renew(new)
    renewing.reach(engine)
    with pytest.raises(BadInput, match="needs 2 deployments of quota, 0 are left"):
        await renewing.renew(new)
    assert house.store.tasks.list() == []
    house.grant(2)
    told = await renewing.renew(new)
    assert (told.is_new, told.changes) == (True, 2)


async def test_a_proposed_one_is_a_saved_plan_once(house: House) -> None:
    renewing = Renewing(house, PROPOSE)
    new = renewing.keep(renewing.next(), "shop")
    told = await renewing.renew(new)
    assert told.plan is not None
    assert told.plan.wish is not None
    assert (told.plan.origin, told.plan.changes, told.plan.name) == (
        "proposed",
        2,
        f"renew {new.name}",
    )
    assert told.plan.wish.serving == told.predecessors
    again = await renewing.renew(new)
    assert (again.plan, again.is_new) == (told.plan, False)
    assert (house.store.tasks.list(), len(house.store.plans.list())) == ([], 1)


async def test_a_manual_one_is_only_told(house: House) -> None:
    renewing = Renewing(house, Policy())
    told = await renewing.renew(renewing.keep(renewing.next(), "shop"))
    assert (told.predecessors, told.reason) == ((renewing.first.fingerprint,), None)
    assert (told.plan, told.task) == (None, None)
    assert house.store.plans.list() == []


async def test_fewer_names_make_a_proposal_of_an_automatic_one(house: House) -> None:
    renewing = Renewing(house, AUTOMATIC)
    house.grant(5)
    new = renewing.keep(renewing.next((HOSTS[0],)), "narrow", replaces="shop")
    told = await renewing.renew(new)
    assert told.lost == ("*.example.com",)
    assert told.plan is not None
    assert (told.plan.changes, told.needs_someone) == (1, True)
    assert house.store.tasks.list() == []


async def test_what_is_refused_is_told_and_left_to_a_person(house: House, engine: Client) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.grant(5)
    house.cloud.fault(
        "error", "DescribeDomainCertificateInfo", resource=HOSTS[0], code="Forbidden", status=403
    )
    for each in house.store.inventory.list():
        house.store.inventory.doubt(each.resource.id)
    told = await renewing.renew(renewing.keep(renewing.next(), "shop"))
    assert [each.subject.rpartition("/")[2] for each in told.refusals] == [HOSTS[0]]
    assert (told.changes, told.needs_someone) == (1, True)


async def test_accounts_and_services_of_the_policy_narrow_it(house: House) -> None:
    for policy, changes in (
        (Policy(mode=Mode.PROPOSE, services=("alibaba.dcdn",)), 0),
        (Policy(mode=Mode.PROPOSE, accounts=("main",), services=("alibaba.cdn",)), 2),
    ):
        renewing = Renewing(house, policy)
        told = await renewing.renew(renewing.keep(renewing.next(), f"for {changes}"))
        assert told.changes == changes
        for each in house.store.certificates.list():
            house.store.certificates.delete(each.fingerprint)


async def test_what_failed_is_tried_again_and_the_rest_left_alone(
    house: House, engine: Client
) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.grant(5)
    new = renewing.keep(renewing.next(), "shop")
    house.cloud.fault(
        "error",
        "SetCdnDomainSSLCertificate",
        resource=HOSTS[0],
        code="IllegalOperation",
        status=403,
    )
    async with house.working(engine):
        first = await renewing.renew(new)
        assert first.task is not None
        assert (await house.ended(first.task)).status is TaskStatus.PARTIALLY_FAILED
        house.cloud.clear_faults()
        second = await renewing.renew(new)
        assert second.task is not None
        assert (await house.ended(second.task)).status is TaskStatus.SUCCEEDED
    assert (second.task.name, second.changes) == (f"renew {new.name} (2)", 1)
    assert {house.served(host) for host in HOSTS} == {new.fingerprint}


async def test_what_a_person_took_back_is_not_begun_again(house: House, engine: Client) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.grant(5)
    new = renewing.keep(renewing.next(), "shop")
    async with house.working(engine):
        first = await renewing.renew(new)
        assert first.task is not None
        await house.ended(first.task)
        await tasks.rollback(engine, first.task, None, "it is broken", "ops")
        await house.ended(first.task, TaskStatus.ROLLED_BACK)
        told = await renewing.renew(new)
    assert told.task is not None
    assert (told.task.id, told.needs_someone) == (first.task.id, True)
    assert told.reason == "its task was stopped or taken back: nothing is begun again by itself"
    assert len(house.store.tasks.list()) == 1


async def test_two_calls_at_once_make_one_task(house: House, engine: Client) -> None:
    renewing = Renewing(house, AUTOMATIC, engine)
    house.grant(9)
    new = renewing.keep(renewing.next(), "shop")
    calls = [renewing.renew(new) for _ in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    wrong = [each for each in results if isinstance(each, BaseException)]
    assert all("there is a task named" in str(each) for each in wrong)
    assert len(house.store.tasks.list()) == 1
    assert house.store.tasks.list()[0].at <= datetime.now(UTC)
