"""Tests a bad certificate for many resources: only the canary gets it, and is rolled back.

There are 300 resources over all services; CERTROLL_TEST_WAVES sets another number.
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
    """All services; what is bound is served within a moment, or never."""
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


def get_last_messages(hook: HTTPServer) -> dict[str, Any]:
    """The last message to each contact, by the path of its webhook."""
    return {request.path: request.get_json() for request, _ in hook.log}


async def test_a_bad_certificate_reaches_the_canary_only_and_is_rolled_back(
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
    stack.cloud.add_fault("unserved")  # all services accept it, and no endpoint serves it

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

    applied = [each for each in canary if each.applied]
    assert applied, "no change of the canary was made"
    assert {each.status for each in canary if not each.applied} <= {OutcomeStatus.SKIPPED}
    reversible = [each for each in applied if each.change.not_reversible is None]
    assert {each.status for each in reversible} == {OutcomeStatus.ROLLED_BACK}
    assert {each.cause and each.cause.rolled_back for each in reversible} == {True}
    assert stack.observe(resources) == former
    assert ended.status in (TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK)
    assert stack.store.quota.get_balance() == SCALE

    messages = get_last_messages(hook)
    assert messages["/ops"]["event"] == "finished"
    assert messages["/on-call"]["event"] == "needs_operator"
    body = messages["/ops"]["body"]
    assert f"wave 1 of {count_waves(outcomes)}" in body
    assert "too-many-failures" in body
    assert "NotServed" in body


def count_waves(outcomes: list[Any]) -> int:
    return 1 + max(int(each.wave) for each in outcomes)
