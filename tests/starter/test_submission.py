"""A task is refused, and nothing is written, if its plan breaks a rule by then."""

from typing import Any

import pytest
from temporalio.client import Client

from domain.certificates.certificate import Source
from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.resources.resource import Binding
from tests.support.command_line import CommandLine
from tests.support.factory import DAY
from tests.support.stack import Stack

WILD = ("-c", "wild", "--all-matched")


async def check_refused(stack: Stack, engine: Client, plan: Plan, code: str, **more: Any) -> None:
    with pytest.raises(BadInput) as error:
        await stack.create_task(engine, plan, **more)
    assert error.value.code == code
    assert stack.store.tasks.list() == []
    assert stack.store.quota.get_balance() == 1


async def test_what_a_plan_says_is_held_against_the_stored_certificates(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com")
    stack.grant_quota(1)
    wild = stack.upload("wild", "*.example.com")
    bought = stack.upload("bought", "bought.example.com", source=Source.OFFICIAL)
    plan = stack.build_plan(wild)
    both = plan.model_copy(update={"certificates": (wild.fingerprint, bought.fingerprint)})
    await check_refused(stack, engine, both, "several-sources")
    (change,) = plan.changes
    other = change.model_copy(update={"after": Binding(fingerprint=bought.fingerprint)})
    stray = plan.model_copy(update={"changes": (other,)})
    await check_refused(stack, engine, stray, "certificate")
    first = change.resource.model_copy(update={"service": "alibaba.oss"})
    off = change.model_copy(update={"resource": first, "before": None})
    unset = plan.model_copy(update={"changes": (off,)})
    await check_refused(stack, engine, unset, "scenario")


async def test_a_certificate_that_ends_before_the_task_begins_is_refused(
    stack: Stack, engine: Client
) -> None:
    stack.seed_domains("a.example.com")
    stack.grant_quota(1)
    plan = stack.build_plan(stack.upload("wild", "*.example.com"))
    await check_refused(stack, engine, plan, "validity", delay=200 * DAY)


async def test_coverage_is_required_at_submission_too(stack: Stack, engine: Client) -> None:
    stack.seed_domains("a.example.com")
    stack.rebind("a.example.com", stack.ca.leaf(["a.example.com", "example.org"]))
    stack.sync()
    stack.grant_quota(1)
    plan = stack.build_plan(stack.upload("wild", "*.example.com"))
    (change,) = plan.changes
    assert [each.code for each in change.warnings] == ["names-lost"]
    assert change.names_lost == ("example.org",)
    await check_refused(stack, engine, plan, "coverage", require_coverage=True)
    await stack.create_task(engine, plan)
    assert len(stack.store.tasks.list()) == 1


def test_a_task_that_requires_coverage_is_refused_before_the_question(stack: Stack) -> None:
    stack.seed_domains("a.example.com")
    stack.rebind("a.example.com", stack.ca.leaf(["a.example.com", "example.org"]))
    stack.sync()
    stack.upload("wild", "*.example.com")
    stack.grant_quota(1)
    certroll = CommandLine(stack.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"})
    result = certroll("task", "create", *WILD, "--require-coverage", code=2)
    assert "no longer covered: example.org" in result.stderr
    certroll("task", "create", *WILD, "--yes", code=4)
