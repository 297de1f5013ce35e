"""Tests one task over all services: installed, bound, verified, and rolled back by one signal.

It has 150 resources to be quick; CERTROLL_TEST_SCALE=500 takes a minute or more.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from storage.settings import Settings
from tests.support.all_services_stack import SERVICES, AllServicesStack, open_all_services_stack
from tests.support.factory import CA

SCALE = int(os.environ.get("CERTROLL_TEST_SCALE", "150"))
PEM_ONLY = {"alibaba.api_gateway", "alibaba.function_compute"}

pytestmark = pytest.mark.timeout(60 + SCALE)


@pytest.fixture
def all_services(sqlite_url: str, tmp_path: Path, ca: CA) -> Iterator[AllServicesStack]:
    """CERTROLL_TEST_SCALE resources over all services."""
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with open_all_services_stack(tmp_path, ca, SCALE, settings) as stack:
        yield stack


async def test_one_task_deploys_to_all_services_and_one_signal_rolls_back_what_is_reversible(
    all_services: AllServicesStack, engine: Client
) -> None:
    stack = all_services
    resources = stack.sync_all()
    assert len(resources) == SCALE
    assert {each.service for each in resources} == SERVICES
    former = stack.observe(resources)
    assert all(len(shown) == 1 and None not in shown for shown in former.values())

    new = stack.upload_successors(resources)
    assert sorted(each.algorithm.value for each in new) == ["ec", "ec", "rsa"]
    plan = stack.build_plan(*new)
    assert plan.refusals == ()
    assert len(plan.changes) == SCALE
    wanted = {c.resource.id: {c.after and c.after.fingerprint} for c in plan.changes}
    not_reversible = {c.resource.id: c.not_reversible for c in plan.changes if c.not_reversible}
    assert {c.resource.service for c in plan.changes if c.not_reversible} == PEM_ONLY

    stack.grant_quota(SCALE)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
        assert (task.status, stack.list_causes(task)) == (TaskStatus.SUCCEEDED, {})
        assert stack.observe(resources) == wanted

        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        rolled_back = await stack.wait_ended(
            task, TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK
        )
    assert rolled_back.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert stack.list_causes(task) == not_reversible, "as the plan has said"
    assert Counter(outcome.status for outcome in stack.store.tasks.outcomes.list(task.id)) == {
        OutcomeStatus.ROLLED_BACK: SCALE - len(not_reversible),
        OutcomeStatus.ROLLBACK_FAILED: len(not_reversible),
    }
    expected = {key: wanted[key] if key in not_reversible else former[key] for key in wanted}
    assert stack.observe(resources) == expected
