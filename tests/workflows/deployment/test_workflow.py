"""A task from its plan to its rollback, on a real Temporal server and the practice cloud."""

from temporalio.client import Client

from domain.tasks.status import OutcomeStatus, TaskStatus
from operations.inventory.service_sync import sync_here
from starter.requests import tasks
from tests.support.stack import ACCOUNT, Stack

ALB = "alibaba.alb"


async def test_a_task_deploys_and_a_signal_rolls_it_back(any_stack: Stack, engine: Client) -> None:
    stack = any_stack
    stack.seed_domains("www.example.com", "api.example.com", ".example.com")
    new = stack.upload("new", "www.example.com", "*.example.com")
    stack.grant_quota(10)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new))
        ended = await stack.wait_ended(task)
        assert ended.status is TaskStatus.SUCCEEDED
        assert stack.get_served("www.example.com") == new.fingerprint
        assert stack.store.quota.get_balance() == 7
        await tasks.rollback(engine, ended, None, "wrong chain", "tester")
        back = await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 3
    assert stack.get_served("www.example.com") == stack.fingerprints_before["www.example.com"]
    assert {o.status for o in stack.list_outcomes(task).values()} == {OutcomeStatus.ROLLED_BACK}


async def test_a_listener_that_is_named_gets_what_includes_its_names(
    stack: Stack, engine: Client
) -> None:
    former, other = stack.ca.leaf(["example.com"]), stack.upload("other", "www.example.org")
    pem = {"pem": former.pem.decode(), "key": former.key_pem.decode()}
    stack.cloud.seed("alb", account=stack.key_id, listeners=[{"certificate": pem}])
    assert sync_here(stack.store, stack.connectors, ACCOUNT, ALB).error is None
    (item,) = stack.store.inventory.list()
    wild = stack.upload("wild", "*.example.com")
    stack.grant_quota(1)
    assert stack.build_plan(wild).changes == ()
    named = {"resources": (item.resource.id,)}
    (refusal,) = stack.build_plan(other, **named).refusals
    assert refusal.code == "names"
    plan = stack.build_plan(wild, **named)
    (change,) = plan.changes
    assert change.names_lost == ("example.com",)
    assert [each.code for each in change.warnings] == ["names-lost"]
    assert (change.key_change, change.issuer_change) == (None, None)
    assert change.before is not None
    assert change.after is not None
    assert change.before.issuer == change.after.issuer
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    served = stack.connectors.get(ACCOUNT, ALB).read(item.resource)
    assert served is not None
    assert served.fingerprint == wild.fingerprint
