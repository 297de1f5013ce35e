"""Tests one task over all services against a cloud that loses answers and throttles calls."""

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

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SCALE = 88
SHARE = 0.2
SETTERS = ("Set*", "Update*", "Upload*", "Associate*", "Dissociate*", "Modify*", "Put*", "Attach*")


@pytest.fixture
def all_services(sqlite_url: str, tmp_path: Path, ca: CA) -> Iterator[AllServicesStack]:
    """Resources of each service."""
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with open_all_services_stack(tmp_path, ca, SCALE, settings) as stack:
        yield stack


async def test_a_task_succeeds_despite_lost_answers_and_throttling_and_uploads_nothing_twice(
    all_services: AllServicesStack, engine: Client
) -> None:
    stack, cloud = all_services, all_services.cloud
    resources = stack.sync_all()
    assert {each.service for each in resources} == SERVICES
    former = stack.observe(resources)
    new = stack.upload_successors(resources)
    plan = stack.build_plan(*new)
    assert len(plan.changes) == SCALE
    wanted = {c.resource.id: {c.after and c.after.fingerprint} for c in plan.changes}
    not_reversible = {c.resource.id for c in plan.changes if c.not_reversible}
    stores = {c.store for c in plan.changes if c.store.startswith("alibaba.clb/")}
    lost = [cloud.add_fault("lost", each, share=SHARE) for each in SETTERS]
    busy = [cloud.add_fault("throttle", each, share=SHARE, retry_after_ms=50) for each in SETTERS]

    stack.grant_quota(SCALE)
    async with stack.run_worker(engine):
        task = await stack.wait_ended(await stack.create_task(engine, plan))
        assert (task.status, stack.list_causes(task)) == (TaskStatus.SUCCEEDED, {})
        assert stack.observe(resources) == wanted
        for rules in (lost, busy):
            assert sum(map(cloud.count_hits, rules)) > SHARE * SCALE / 2, "too few faults"
        _assert_stored_once(stack, {each.fingerprint for each in new}, len(stores))

        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        rolled_back = await stack.wait_ended(
            task, TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK
        )
    assert rolled_back.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert stack.list_causes(task).keys() == not_reversible
    statuses = Counter(each.status for each in stack.store.tasks.outcomes.list(task.id))
    assert statuses[OutcomeStatus.ROLLED_BACK] == SCALE - len(not_reversible)
    expected = {key: wanted[key] if key in not_reversible else former[key] for key in wanted}
    assert stack.observe(resources) == expected
    assert stack.store.quota.get_balance() == 0, (
        "each deployed change is charged once, rolled back or not"
    )


def _assert_stored_once(stack: AllServicesStack, new: set[str], regions: int) -> None:
    """Count the certificates in the stores, and the uploads that were applied, answered or not."""
    stored = Counter(row["fingerprint"] for row in stack.cloud.list_certificates())
    assert {stored[fingerprint] for fingerprint in new} == {1}
    applied = {name: codes.get("OK", 0) for name, codes in stack.cloud.count_calls().items()}
    assert applied["cas.UploadUserCertificate"] == len(new)
    assert applied["clb.UploadServerCertificate"] <= len(new) * regions
