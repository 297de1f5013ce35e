"""A bad certificate for many resources: the canary finds it, goes back, and the rest never begins.

With 300 resources over all services; CERTROLL_TEST_WAVES sets another number.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from temporalio.client import Client

from domain.notifications.events import EventClass
from domain.rollout.assignment import build_default_policy
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.settings import Settings
from tests.support.all_services_stack import SERVICES, AllServicesStack, open_all_services_stack
from tests.support.factory import CA

SCALE = int(os.environ.get("CERTROLL_TEST_WAVES", "300"))
SHORT = 2.0  # seconds in which an endpoint has to show the new certificate

pytestmark = pytest.mark.timeout(120 + SCALE)


@pytest.fixture
def all_services(sqlite_url: str, tmp_path: Path, ca: CA) -> Iterator[AllServicesStack]:
    """All services; what is bound shows within a moment, or never."""
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with open_all_services_stack(tmp_path, ca, SCALE, settings, propagation=SHORT) as stack:
        yield stack


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    """A contact's webhook."""
    with HTTPServer(host="127.0.0.1") as running:
        running.expect_request("/ops").respond_with_data("")
        running.expect_request("/on-call").respond_with_data("")
        yield running


def told(hook: HTTPServer) -> dict[str, Any]:
    """What each contact was told last, by the path of its webhook."""
    return {request.path: request.get_json() for request, _ in hook.log}


async def test_a_bad_certificate_reaches_the_canary_only_which_is_taken_back(
    all_services: AllServicesStack, engine: Client, hook: HTTPServer
) -> None:
    stack = all_services
    resources = stack.sync_all()
    assert len(resources) == SCALE
    former = stack.observe(resources)
    plan = stack.build_plan(*stack.upload_successors(resources))
    assert len(plan.changes) == SCALE
    stack.grant_quota(SCALE)
    stack.store.contacts.add("ops", "webhook", hook.url_for("/ops"))
    only = (EventClass.NEEDS_OPERATOR,)
    stack.store.contacts.add("on-call", "webhook", hook.url_for("/on-call"), only)
    stack.cloud.add_fault("unserved")  # all services take it, and no endpoint ever shows it

    async with stack.run_worker(engine):
        task = await stack.create_task(
            engine, plan, contacts=("ops", "on-call"), rollout=build_default_policy(plan.changes)
        )
        ended = await stack.wait_ended(task)

    outcomes = stack.store.tasks.outcomes.list(task.id)
    canary = [each for each in outcomes if each.wave == 0]
    assert {each.change.resource.service for each in canary} == SERVICES
    assert len(canary) == len(SERVICES)
    rest = [each for each in outcomes if each.wave > 0]
    assert {each.status for each in rest} == {OutcomeStatus.SKIPPED}
    assert {each.attempts for each in rest} == {0}

    tried = [each for each in canary if each.applied]
    assert tried, "what waited for its turn meanwhile was skipped like the rest"
    assert {each.status for each in canary if not each.applied} <= {OutcomeStatus.SKIPPED}
    back = [each for each in tried if each.change.not_reversible is None]
    assert {each.status for each in back} == {OutcomeStatus.ROLLED_BACK}
    assert {each.cause and each.cause.rolled_back for each in back} == {True}
    assert stack.observe(resources) == former
    assert ended.status in (TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK)
    assert stack.store.quota.get_balance() == SCALE

    messages = told(hook)
    assert messages["/ops"]["event"] == "finished"
    assert messages["/on-call"]["event"] == "needs_operator"
    why = messages["/ops"]["body"]
    assert f"changes failed in the canary (wave 1 of {ended_waves(outcomes)})" in why
    assert "too-many-failures" in why
    assert "NotServed" in why


def ended_waves(outcomes: list[Any]) -> int:
    """How many waves there are."""
    return 1 + max(int(each.wave) for each in outcomes)
