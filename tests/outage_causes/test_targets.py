"""Tests causes of outages at the target, and in how and when it is changed."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from domain.calendar.windows import CalendarScope, Freeze
from domain.plans.plan import Plan
from domain.preflight.checks import CheckPolicy
from domain.rollout.policy import RolloutPolicy
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from operations.inventory.service_sync import sync_here
from starter.requests import tasks
from storage.settings import Settings
from storage.store import Store
from tests.support.factory import CA, Leaf
from tests.support.practice_cloud import PracticeCloud
from tests.support.preflight_runs import run_preflight
from tests.support.stack import ACCOUNT, Stack

NAME, OTHER = "www.example.com", "pay.example.com"
ALB, CLB = "alibaba.alb", "alibaba.clb"
SET = "SetCdnDomainSSLCertificate"
HOUR = timedelta(hours=1)


def to_json(leaf: Leaf) -> dict[str, str]:
    return {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}


def seed_listeners(stack: Stack, service: str, *rows: dict[str, Any]) -> None:
    """Seed listeners of a load balancer, and sync them into the inventory."""
    stack.cloud.seed(service.partition(".")[2], account=stack.key_id, listeners=list(rows))
    assert sync_here(stack.store, stack.connectors, ACCOUNT, service).error is None


def list_cause_codes(stack: Stack, task: TaskRecord) -> set[str | None]:
    """The cause codes of a task's changes."""
    causes = [each.cause for each in stack.list_outcomes(task).values()]
    return {cause.code if cause else None for cause in causes}


async def test_cause_08_the_wrong_listener_or_its_default_certificate_is_replaced(
    stack: Stack, engine: Client
) -> None:
    default, additional = stack.ca.leaf([NAME]), stack.ca.leaf([OTHER])
    seed_listeners(
        stack, ALB, {"certificate": to_json(default), "additional": [to_json(additional)]}
    )
    new = stack.upload("new", OTHER)
    stack.grant_quota(1)
    plan = stack.build_plan(new)
    (change,) = plan.changes
    assert change.resource.slot != "default"
    assert change.resource.domains == (OTHER,)
    assert change.lock is not None
    # A certificate for the default slot must cover all names of the one before.
    (slot,) = (
        each.resource for each in stack.store.inventory.list() if each.resource.slot == "default"
    )
    refused = stack.build_plan(new, resources=(slot.id,))
    assert refused.changes == ()
    assert {each.code for each in refused.refusals} <= {"names", "same-names"}
    assert refused.refusals
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.status is TaskStatus.SUCCEEDED
    assert stack.get_served(OTHER) == new.fingerprint
    assert stack.get_served(NAME) == default.fingerprint


async def test_cause_09_the_old_binding_goes_before_the_new_one_works(
    stack: Stack, engine: Client
) -> None:
    former = stack.ca.leaf([OTHER])
    seed_listeners(
        stack, ALB, {"certificate": to_json(stack.ca.leaf([NAME])), "additional": [to_json(former)]}
    )
    plan = stack.build_plan(stack.upload("new", OTHER))
    stack.grant_quota(1)
    stack.cloud.add_fault("unserved", "AssociateAdditionalCertificatesWithListener")
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, rollout=RolloutPolicy(roll_back_failed=False))
        ended = await stack.wait_ended(task)
    assert list_cause_codes(stack, ended) == {"NotServed"}
    assert "alb.AssociateAdditionalCertificatesWithListener" in stack.cloud.count_calls()
    assert "alb.DissociateAdditionalCertificatesFromListener" not in stack.cloud.count_calls()
    assert stack.get_served(OTHER) == former.fingerprint


async def test_cause_10_the_certificate_quota_of_the_target_is_full(
    stack: Stack, engine: Client
) -> None:
    former = stack.ca.leaf([NAME])
    seed_listeners(stack, CLB, {"certificate": to_json(former)})
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        waiting = await stack.create_task(engine, plan, name="first", delay=HOUR)
        stack.cloud.set_limit("clb", 1)
        await tasks.reschedule(engine, waiting, datetime.now(UTC))
        full = await stack.wait_ended(waiting)
        assert list_cause_codes(stack, full) == {"C15"}
        assert "clb.UploadServerCertificate" not in stack.cloud.count_calls()
        assert stack.get_served(NAME) == former.fingerprint
        stack.cloud.set_limit("clb", 2)
        ended = await stack.wait_ended(await stack.create_task(engine, plan, name="second"))
    assert ended.status is TaskStatus.SUCCEEDED


async def test_cause_11_the_target_is_busy_with_another_change(
    stack: Stack, engine: Client
) -> None:
    seed_listeners(stack, ALB, {"certificate": to_json(stack.ca.leaf([NAME]))})
    new = stack.upload("new", NAME)
    plan = stack.build_plan(new)
    stack.grant_quota(1)
    busy = stack.cloud.add_fault(
        "error",
        "UpdateListenerAttribute",
        code="ResourceInConfiguring.Listener",
        status=409,
        count=2,
    )
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert stack.cloud.count_hits(busy) == 2
    assert task.status is TaskStatus.SUCCEEDED
    assert stack.get_served(NAME) == new.fingerprint


async def test_cause_12_the_certificate_is_uploaded_to_another_region(
    stack: Stack, engine: Client
) -> None:
    seed_listeners(
        stack, CLB, {"certificate": to_json(stack.ca.leaf([NAME])), "region": "cn-hangzhou"}
    )
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    (change,) = plan.changes
    elsewhere = change.model_copy(update={"store": f"{CLB}/cn-beijing"})
    wrong = plan.model_copy(update={"changes": (elsewhere,)})
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, wrong))
    assert list_cause_codes(stack, task) == {"C16"}
    assert "clb.UploadServerCertificate" not in stack.cloud.count_calls()


async def test_cause_13_deployed_at_the_wrong_hour(stack: Stack, engine: Client) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    now = datetime.now(UTC)
    frozen = Freeze(
        name="sale", begins=now - HOUR, ends=now + HOUR, reason="busy day", scope=CalendarScope()
    )
    stack.store.calendar.freezes.add(frozen)
    (finding,) = (
        each
        for each in run_preflight(stack, plan, {"C17": CheckPolicy.REFUSE})
        if each.check == "C17"
    )
    assert finding.refused
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan)
        assert task.at == frozen.ends
        await asyncio.sleep(0.3)
        assert stack.store.tasks.get(task.id).status is TaskStatus.SCHEDULED
        assert stack.get_served(NAME) == stack.fingerprints_before[NAME]
        await tasks.cancel(engine, task, "for the test", "tester")
        await stack.wait_ended(task, TaskStatus.CANCELLED)


async def test_cause_14_a_bad_state_is_left_behind_instead_of_the_one_that_worked(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.grant_quota(1)
    stack.cloud.add_fault("unserved", SET, resource=NAME, count=1)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, plan, rollout=RolloutPolicy(roll_back_failed=True))
        ended = await stack.wait_ended(task)
    assert ended.status is not TaskStatus.SUCCEEDED
    outcome = stack.list_outcomes(ended)[NAME]
    assert outcome.status.value == "rolled_back"
    assert stack.get_served(NAME) == stack.fingerprints_before[NAME]
    connector = stack.connectors.get(ACCOUNT, "alibaba.cdn")
    bound = connector.read(outcome.change.resource)
    assert bound is not None
    assert bound.fingerprint == stack.fingerprints_before[NAME]


@pytest.fixture
def strict_stack(sqlite_url: str, tmp_path: Path, ca: CA) -> Iterator[Stack]:
    """A stack at a cloud that throttles more than 12 calls per second of each product."""
    folder = tmp_path / "strict"
    folder.mkdir()
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with (
        PracticeCloud(folder, qps=12, keep_state=False) as cloud,
        Store.open(settings) as store,
    ):
        stack = Stack(settings, store, cloud, ca)
        stack.add_account(calls_per_second=10)
        yield stack


async def test_cause_15_all_at_once_hits_the_limits_of_the_provider(
    strict_stack: Stack, engine: Client
) -> None:
    stack = strict_stack
    names = [f"n{number}.example.com" for number in range(12)]
    stack.seed_domains(*names)
    plan: Plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.grant_quota(len(names))
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
    assert task.tally.deployed == len(names)
    assert {code for by_code in stack.cloud.count_calls().values() for code in by_code} == {"OK"}
