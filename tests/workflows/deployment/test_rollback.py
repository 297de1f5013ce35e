"""The way back, by the signal as any service sends it: a name and one JSON object."""

from typing import Any

from temporalio.client import Client

from domain.tasks.messages import workflow_id
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.support.house import ACCOUNT, SERVICE, House

SET = "SetCdnDomainSSLCertificate"
ALL: dict[str, Any] = {"resources": None, "reason": "wrong chain", "requested_by": "monitoring"}


def resource(key: str) -> str:
    return f"{ACCOUNT}/{SERVICE}/{key}"


async def deployed(house: House, engine: Client, *names: str, **more: Any) -> TaskRecord:
    house.domains(*names)
    new = house.upload("new", *names)
    house.grant(len(names))
    return await house.ended(await house.create(engine, house.plan(new), **more))


async def signal(engine: Client, task: TaskRecord, name: str, body: Any) -> None:
    await engine.get_workflow_handle(workflow_id(task.id)).signal(name, body)


async def test_some_resources_go_back_and_the_task_is_partially_rolled_back(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com", "b.example.com")
        await signal(engine, task, "rollback", {**ALL, "resources": [resource("a.example.com")]})
        back = await house.ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    assert (back.tally.rolled_back, back.tally.deployed) == (1, 1)
    assert house.served("a.example.com") == house.former["a.example.com"]
    assert house.served("b.example.com") != house.former["b.example.com"]
    events = house.store.tasks.events(task.id)
    assert ("rollback", "monitoring", "wrong chain") in {(e.kind, e.by, e.text) for e in events}


async def test_an_expired_certificate_comes_back_only_where_the_signal_says_force(
    house: House, engine: Client
) -> None:
    name = "a.example.com"
    async with house.working(engine):
        task = await deployed(house, engine, name)
        new = house.served(name)
        house.expire_former(task.id)
        await signal(engine, task, "rollback", ALL)
        await house.ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
        outcome = house.outcomes(task)[name]
        assert outcome.status is OutcomeStatus.ROLLBACK_FAILED
        assert outcome.cause is not None
        assert outcome.cause.code == "FormerExpired"
        assert house.served(name) == new
        await signal(engine, task, "rollback", {**ALL, "force": True})
        await house.ended(task, TaskStatus.ROLLED_BACK)
    assert house.served(name) == house.former[name]


async def test_the_same_signal_again_changes_nothing(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com")
        await signal(engine, task, "rollback", ALL)
        await house.ended(task, TaskStatus.ROLLED_BACK)
        before = house.cloud.calls()
        outcome = house.outcomes(task)["a.example.com"]
        await signal(engine, task, "rollback", ALL)
        await house.noted(engine, task, "nothing to take back")
    assert house.cloud.calls() == before
    assert house.outcomes(task)["a.example.com"] == outcome


async def test_a_rollback_during_the_run_ends_it_and_takes_back_what_was_deployed(
    house: House, engine: Client
) -> None:
    names = [f"n{number:02}.example.com" for number in range(8)]
    house.domains(*names)
    new = house.upload("new", "*.example.com")
    house.grant(8)
    house.cloud.fault("hang", SET, seconds=0.3)
    async with house.working(engine):
        task = await house.create(engine, house.plan(new), concurrency=2)
        await house.ended(task, TaskStatus.RUNNING)
        await signal(engine, task, "rollback", ALL)
        done = (TaskStatus.ROLLED_BACK, TaskStatus.CANCELLED)
        back = await house.settled(engine, task, *done)
    assert back.tally.deployed == 0
    assert back.tally.skipped + back.tally.rolled_back == 8
    assert {house.served(name) for name in names} == set(house.former.values())


async def test_a_resource_that_serves_something_else_by_now_is_refused_as_drifted(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com", "b.example.com")
        other = house.ca.leaf(["a.example.com"])
        house.rebind("a.example.com", other)
        await signal(engine, task, "rollback", ALL)
        back = await house.ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
    outcome = house.outcomes(task)["a.example.com"]
    assert outcome.status is OutcomeStatus.ROLLBACK_FAILED
    assert outcome.cause is not None
    assert outcome.cause.code == "Drifted"
    assert back.tally.rolled_back == 1
    assert house.served("a.example.com") == other.fingerprint


async def test_a_rollback_is_retried_and_a_failed_one_can_be_asked_for_again(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com")
        house.cloud.fault("5xx", SET, count=1)
        house.cloud.fault("error", SET, code="IllegalOperation", status=403, count=1)
        await signal(engine, task, "rollback", ALL)
        back = await house.ended(task, TaskStatus.PARTIALLY_ROLLED_BACK)
        assert back.tally.rollback_failed == 1
        await signal(engine, task, "rollback", ALL)
        await house.ended(task, TaskStatus.ROLLED_BACK)
    assert house.served("a.example.com") == house.former["a.example.com"]


async def test_resources_of_another_task_are_refused_by_name(house: House, engine: Client) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com")
        await signal(engine, task, "rollback", {**ALL, "resources": [resource("x.example.com")]})
        await house.noted(engine, task, "not in this task: main/alibaba.cdn/x.example.com")
    assert house.store.tasks.get(task.id).status is TaskStatus.SUCCEEDED


async def test_a_signal_with_an_unknown_field_is_refused_and_says_so(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com")
        await signal(engine, task, "rollback", {**ALL, "resource": "all"})
        await house.noted(engine, task, "signal rollback refused: resource")
        await signal(engine, task, "cancel", "please")
        await house.noted(engine, task, "signal cancel refused")
        await signal(engine, task, "delete", {})
        await house.noted(engine, task, "signal delete refused: reason")
    assert house.served("a.example.com") != house.former["a.example.com"]


async def test_a_deleted_task_keeps_what_it_deployed_and_listens_no_longer(
    house: House, engine: Client
) -> None:
    async with house.working(engine):
        task = await deployed(house, engine, "a.example.com")
        await tasks.delete(house.store, engine, task, "tidy up", "tester")
        assert await engine.get_workflow_handle(workflow_id(task.id)).result() == "succeeded"
    assert house.store.tasks.get(task.id).deleted_at is not None
    assert house.store.tasks.list() == []
    assert house.served("a.example.com") != house.former["a.example.com"]


async def test_a_resource_named_before_the_task_began_is_left_out(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com", "b.example.com")
    plan = house.plan(house.upload("new", "*.example.com"))
    house.grant(2)
    task = await house.create(engine, plan)
    await signal(engine, task, "rollback", {**ALL, "resources": [resource("a.example.com")]})
    async with house.working(engine):
        ended = await house.ended(task)
    assert (ended.tally.skipped, ended.tally.deployed) == (1, 1)
    assert house.served("a.example.com") == house.former["a.example.com"]
    assert house.store.quota.balance() == 1


async def test_a_rollback_before_the_first_change_leaves_a_cancelled_task(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com")
    plan = house.plan(house.upload("new", "a.example.com"))
    house.grant(1)
    house.cloud.fault("hang", "UploadUserCertificate", seconds=1.0)
    async with house.working(engine):
        task = await house.create(engine, plan)
        await house.ended(task, TaskStatus.RUNNING)
        await signal(engine, task, "rollback", ALL)
        ended = await house.ended(task)
    assert (ended.status, ended.tally.skipped) == (TaskStatus.CANCELLED, 1)
