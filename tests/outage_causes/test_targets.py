"""Causes that lie at the target, or in how and when it is changed."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from activities.inventory_sync import sync
from domain.calendar.windows import Freeze, Scope
from domain.plans.plan import Plan
from domain.preflight.checks import Policy
from domain.rollout.policy import Rollout
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from starter.requests import tasks
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA, Leaf
from tests.support.flights import look
from tests.support.house import ACCOUNT, House
from tests.support.practice_cloud import PracticeCloud

NAME, OTHER = "www.example.com", "pay.example.com"
ALB, CLB = "alibaba.alb", "alibaba.clb"
SET = "SetCdnDomainSSLCertificate"
HOUR = timedelta(hours=1)


def pem(leaf: Leaf) -> dict[str, str]:
    return {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}


def listeners(house: House, service: str, *rows: dict[str, Any]) -> None:
    """Listeners of a load balancer, in the inventory."""
    house.cloud.seed(service.partition(".")[2], account=house.key_id, listeners=list(rows))
    assert sync(house.store, house.clouds, ACCOUNT, service).error is None


def codes(house: House, task: TaskRecord) -> set[str | None]:
    """Why its changes ended as they did."""
    causes = [each.cause for each in house.outcomes(task).values()]
    return {cause.code if cause else None for cause in causes}


async def test_cause_08_the_wrong_listener_or_its_default_certificate_is_replaced(
    house: House, engine: Client
) -> None:
    default, beside = house.ca.leaf([NAME]), house.ca.leaf([OTHER])
    listeners(house, ALB, {"certificate": pem(default), "additional": [pem(beside)]})
    new = house.upload("new", OTHER)
    house.grant(1)
    plan = house.plan(new)
    (change,) = plan.changes
    assert change.resource.slot != "default"
    assert change.resource.domains == (OTHER,)
    assert change.lock is not None
    # A certificate for the default slot must be for all that the former one is for.
    (slot,) = (
        each.resource for each in house.store.inventory.list() if each.resource.slot == "default"
    )
    refused = house.plan(new, resources=(slot.id,))
    assert refused.changes == ()
    assert {each.rule for each in refused.refusals} <= {"names", "same names"}
    assert refused.refusals
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    assert house.served(OTHER) == new.fingerprint
    assert house.served(NAME) == default.fingerprint


async def test_cause_09_the_old_binding_goes_before_the_new_one_works(
    house: House, engine: Client
) -> None:
    former = house.ca.leaf([OTHER])
    listeners(house, ALB, {"certificate": pem(house.ca.leaf([NAME])), "additional": [pem(former)]})
    plan = house.plan(house.upload("new", OTHER))
    house.grant(1)
    house.cloud.fault("unserved", "AssociateAdditionalCertificatesWithListener")
    async with house.working(engine):
        task = await house.create(engine, plan, rollout=Rollout(take_back_failed=False))
        ended = await house.ended(task)
    assert codes(house, ended) == {"NotServed"}
    assert "alb.AssociateAdditionalCertificatesWithListener" in house.cloud.calls()
    assert "alb.DissociateAdditionalCertificatesFromListener" not in house.cloud.calls()
    assert house.served(OTHER) == former.fingerprint


async def test_cause_10_the_certificate_quota_of_the_target_is_full(
    house: House, engine: Client
) -> None:
    former = house.ca.leaf([NAME])
    listeners(house, CLB, {"certificate": pem(former)})
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    async with house.working(engine):
        waiting = await house.create(engine, plan, name="first", delay=HOUR)
        house.cloud.limit("clb", 1)
        await tasks.reschedule(engine, waiting, datetime.now(UTC))
        full = await house.ended(waiting)
        assert codes(house, full) == {"C15"}
        assert "clb.UploadServerCertificate" not in house.cloud.calls()
        assert house.served(NAME) == former.fingerprint
        house.cloud.limit("clb", 2)
        ended = await house.ended(await house.create(engine, plan, name="second"))
    assert ended.status is TaskStatus.SUCCEEDED


async def test_cause_11_the_target_is_busy_with_another_change(
    house: House, engine: Client
) -> None:
    listeners(house, ALB, {"certificate": pem(house.ca.leaf([NAME]))})
    new = house.upload("new", NAME)
    plan = house.plan(new)
    house.grant(1)
    busy = house.cloud.fault(
        "error",
        "UpdateListenerAttribute",
        code="ResourceInConfiguring.Listener",
        status=409,
        count=2,
    )
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert house.cloud.hits(busy) == 2
    assert task.status is TaskStatus.SUCCEEDED
    assert house.served(NAME) == new.fingerprint


async def test_cause_12_the_certificate_is_uploaded_to_another_region(
    house: House, engine: Client
) -> None:
    listeners(house, CLB, {"certificate": pem(house.ca.leaf([NAME])), "region": "cn-hangzhou"})
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    (change,) = plan.changes
    elsewhere = change.model_copy(update={"store": f"{CLB}/cn-beijing"})
    wrong = plan.model_copy(update={"changes": (elsewhere,)})
    async with house.working(engine):
        task = await house.ended(await house.create(engine, wrong))
    assert codes(house, task) == {"C16"}
    assert "clb.UploadServerCertificate" not in house.cloud.calls()


async def test_cause_13_deployed_at_the_wrong_hour(house: House, engine: Client) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    now = datetime.now(UTC)
    frozen = Freeze(
        name="sale", begins=now - HOUR, ends=now + HOUR, reason="busy day", scope=Scope()
    )
    house.store.calendar.freezes.add(frozen)
    (told,) = (each for each in look(house, plan, {"C17": Policy.REFUSE}) if each.check == "C17")
    assert told.refused
    async with house.working(engine):
        task = await house.create(engine, plan)
        assert task.at == frozen.ends
        await asyncio.sleep(0.3)
        assert house.store.tasks.get(task.id).status is TaskStatus.SCHEDULED
        assert house.served(NAME) == house.former[NAME]
        await tasks.cancel(engine, task, "for the test", "tester")
        await house.ended(task, TaskStatus.CANCELLED)


async def test_cause_14_a_bad_state_is_left_behind_instead_of_the_one_that_worked(
    house: House, engine: Client
) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.grant(1)
    house.cloud.fault("unserved", SET, resource=NAME, count=1)
    async with house.working(engine):
        task = await house.create(engine, plan, rollout=Rollout(take_back_failed=True))
        ended = await house.ended(task)
    assert ended.status is not TaskStatus.SUCCEEDED
    outcome = house.outcomes(ended)[NAME]
    assert outcome.status.value == "rolled_back"
    assert house.served(NAME) == house.former[NAME]
    connector = house.clouds.connector(ACCOUNT, "alibaba.cdn")
    bound = connector.read(outcome.change.resource)
    assert bound is not None
    assert bound.fingerprint == house.former[NAME]


@pytest.fixture
def strict_house(sqlite_url: str, tmp_path: Path, ca: CA) -> Iterator[House]:
    """At a cloud that throttles beyond so many calls per second of each product."""
    folder = tmp_path / "strict"
    folder.mkdir()
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with (
        PracticeCloud(folder, qps=12, keep_state=False) as cloud,
        Store.open(settings) as store,
    ):
        house = House(settings, store, cloud, ca)
        house.add_account(calls_per_second=10)
        yield house


async def test_cause_15_all_at_once_hits_the_limits_of_the_provider(
    strict_house: House, engine: Client
) -> None:
    house = strict_house
    names = [f"n{number}.example.com" for number in range(12)]
    house.domains(*names)
    plan: Plan = house.plan(house.upload("new", "*.example.com"))
    house.grant(len(names))
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
    assert task.tally.deployed == len(names)
    assert {code for by_code in house.cloud.calls().values() for code in by_code} == {"OK"}
