"""A task is refused, and nothing written, when its plan breaks a rule by the time it is made."""

from typing import Any

import pytest
from temporalio.client import Client

from domain.certificates.certificate import Source
from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.resources.resource import Binding
from tests.starter.command_line import CommandLine
from tests.support.factory import DAY
from tests.support.house import House

WILD = ("-c", "wild", "--all-matched")


async def refused(house: House, engine: Client, plan: Plan, reason: str, **more: Any) -> None:
    with pytest.raises(BadInput, match=reason):
        await house.create(engine, plan, **more)
    assert house.store.tasks.list() == []
    assert house.store.quota.balance() == 1


async def test_what_a_plan_says_is_held_against_the_stored_certificates(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com")
    house.grant(1)
    wild = house.upload("wild", "*.example.com")
    bought = house.upload("bought", "bought.example.com", source=Source.OFFICIAL)
    plan = house.plan(wild)
    both = plan.model_copy(update={"certificates": (wild.fingerprint, bought.fingerprint)})
    await refused(house, engine, both, "several sources")
    (change,) = plan.changes
    other = change.model_copy(update={"after": Binding(fingerprint=bought.fingerprint)})
    stray = plan.model_copy(update={"changes": (other,)})
    await refused(house, engine, stray, "not one of its own")
    first = change.resource.model_copy(update={"service": "alibaba.oss"})
    off = change.model_copy(update={"resource": first, "before": None})
    unset = plan.model_copy(update={"changes": (off,)})
    await refused(house, engine, unset, "first one has to be set in the service's console")


async def test_a_certificate_that_ends_before_the_task_begins_is_refused(
    house: House, engine: Client
) -> None:
    house.domains("a.example.com")
    house.grant(1)
    plan = house.plan(house.upload("wild", "*.example.com"))
    await refused(house, engine, plan, "wild: valid from", delay=200 * DAY)


async def test_coverage_is_required_at_submission_too(house: House, engine: Client) -> None:
    house.domains("a.example.com")
    house.rebind("a.example.com", house.ca.leaf(["a.example.com", "example.org"]))
    house.sync()
    house.grant(1)
    plan = house.plan(house.upload("wild", "*.example.com"))
    lost = "names no longer covered: example.org"
    assert plan.changes[0].warnings == (lost,)
    await refused(house, engine, plan, lost, require_coverage=True)
    await house.create(engine, plan)
    assert len(house.store.tasks.list()) == 1


def test_a_task_that_requires_coverage_is_refused_before_the_question(house: House) -> None:
    house.domains("a.example.com")
    house.rebind("a.example.com", house.ca.leaf(["a.example.com", "example.org"]))
    house.sync()
    house.upload("wild", "*.example.com")
    house.grant(1)
    certroll = CommandLine(house.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"})
    result = certroll("task", "create", *WILD, "--require-coverage", code=2)
    assert "no longer covered: example.org" in result.stderr
    certroll("task", "create", *WILD, "--yes", code=4)
