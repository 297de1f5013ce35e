"""Changes with one lock go one after the other; what still waits for it can be cancelled."""

from itertools import pairwise

from temporalio.client import Client

from domain.plans.plan import Plan
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.support.house import House

SET = "SetCdnDomainSSLCertificate"
NAMES = [f"n{number}.example.com" for number in range(4)]


def locked(house: House) -> Plan:
    """A plan of which all changes have one lock, as those of one load balancer have."""
    house.domains(*NAMES)
    house.grant(len(NAMES))
    plan = house.plan(house.upload("new", "*.example.com"))
    changes = tuple(each.model_copy(update={"lock": "main/lb-1"}) for each in plan.changes)
    return plan.model_copy(update={"changes": changes})


async def test_changes_with_one_lock_are_made_one_at_a_time(house: House, engine: Client) -> None:
    plan = locked(house)
    house.cloud.latency(20)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    outcomes = house.store.tasks.outcomes.list(task.id)
    for one, following in pairwise(outcomes):
        assert one.ended_at is not None
        assert following.started_at is not None
        assert one.ended_at <= following.started_at


async def test_cancelling_skips_what_waits_for_its_lock(house: House, engine: Client) -> None:
    plan = locked(house)
    house.cloud.fault("hang", SET, resource=NAMES[0], seconds=1.0)
    async with house.working(engine):
        task = await house.create(engine, plan)
        await house.ended(task, TaskStatus.RUNNING)
        while house.outcomes(task)[NAMES[0]].attempts == 0:
            await tasks.progress(engine, task)
        await tasks.cancel(engine, task, "wrong names", "tester")
        done = await house.ended(task)
    assert done.status is TaskStatus.CANCELLED
    assert (done.tally.deployed, done.tally.skipped) == (1, 3)
    assert house.served(NAMES[3]) == house.former[NAMES[3]]
    assert house.store.quota.balance() == 3
