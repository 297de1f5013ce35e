"""Changes with the same lock run one after the other; those that wait for it can be cancelled."""

from itertools import pairwise

from temporalio.client import Client

from domain.plans.plan import Plan
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from tests.support.stack import Stack

SET = "SetCdnDomainSSLCertificate"
NAMES = [f"n{number}.example.com" for number in range(4)]


def build_locked_plan(stack: Stack) -> Plan:
    """A plan whose changes share one lock, as those of one load balancer do."""
    stack.seed_domains(*NAMES)
    stack.grant_quota(len(NAMES))
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    changes = tuple(each.model_copy(update={"lock": "main/lb-1"}) for each in plan.changes)
    return plan.model_copy(update={"changes": changes})


async def test_changes_with_one_lock_are_made_one_at_a_time(stack: Stack, engine: Client) -> None:
    plan = build_locked_plan(stack)
    stack.cloud.set_latency(20)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    outcomes = stack.store.tasks.outcomes.list(task.id)
    for one, following in pairwise(outcomes):
        assert one.ended_at is not None
        assert following.started_at is not None
        assert one.ended_at <= following.started_at


async def test_cancelling_skips_what_waits_for_its_lock(stack: Stack, engine: Client) -> None:
    plan = build_locked_plan(stack)
    stack.cloud.add_fault("hang", SET, resource=NAMES[0], seconds=1.0)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan)
        await stack.wait_ended(task, TaskStatus.RUNNING)
        while stack.list_outcomes(task)[NAMES[0]].attempts == 0:
            await tasks.progress(engine, task)
        await tasks.cancel(engine, task, "wrong names", "tester")
        done = await stack.wait_ended(task)
    assert done.status is TaskStatus.CANCELLED
    assert (done.tally.deployed, done.tally.skipped) == (1, 3)
    assert stack.get_served(NAMES[3]) == stack.fingerprints_before[NAMES[3]]
    assert stack.store.quota.get_balance() == 3
