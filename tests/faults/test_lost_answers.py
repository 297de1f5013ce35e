"""All services in one task, and a cloud that loses answers and throttles: it ends right."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from storage.settings import Settings
from tests.support.everywhere import SERVICES, Everywhere, open_everywhere
from tests.support.factory import CA

pytestmark = [pytest.mark.faults, pytest.mark.timeout(180)]

SCALE = 88
SHARE = 0.2
SETTERS = ("Set*", "Update*", "Upload*", "Associate*", "Dissociate*", "Modify*", "Put*", "Attach*")


@pytest.fixture
def everywhere(sqlite_url: str, tmp_path: Path, ca: CA) -> Iterator[Everywhere]:
    """Some resources of each service."""
    settings = Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url))
    with open_everywhere(tmp_path, ca, SCALE, settings) as house:
        yield house


async def test_lost_answers_and_throttling_everywhere_end_right_and_upload_nothing_twice(
    everywhere: Everywhere, engine: Client
) -> None:
    house, cloud = everywhere, everywhere.cloud
    resources = house.sync_all()
    assert {each.service for each in resources} == SERVICES
    former = house.serving(resources)
    new = house.renew(resources)
    plan = house.plan(*new)
    assert len(plan.changes) == SCALE
    wanted = {c.resource.id: {c.after and c.after.fingerprint} for c in plan.changes}
    stays = {c.resource.id for c in plan.changes if c.not_reversible}
    stores = {c.store for c in plan.changes if c.store.startswith("alibaba.clb/")}
    lost = [cloud.fault("lost", each, share=SHARE) for each in SETTERS]
    busy = [cloud.fault("throttle", each, share=SHARE, retry_after_ms=50) for each in SETTERS]

    house.grant(SCALE)
    async with house.working(engine):
        task = await house.ended(await house.create(engine, plan))
        assert (task.status, house.causes(task)) == (TaskStatus.SUCCEEDED, {})
        assert house.serving(resources) == wanted
        for rules in (lost, busy):
            assert sum(map(cloud.hits, rules)) > SHARE * SCALE / 2, "there were faults in plenty"
        _assert_nothing_lies_twice(house, {each.fingerprint for each in new}, len(stores))

        await tasks.rollback(engine, task, None, "wrong chain", "tester")
        back = await house.ended(task, TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK)
    assert back.status is TaskStatus.PARTIALLY_ROLLED_BACK
    assert house.causes(task).keys() == stays
    statuses = Counter(each.status for each in house.store.tasks.outcomes.list(task.id))
    assert statuses[OutcomeStatus.ROLLED_BACK] == SCALE - len(stays)
    expected = {key: wanted[key] if key in stays else former[key] for key in wanted}
    assert house.serving(resources) == expected
    assert house.store.quota.balance() == 0, "what was deployed is charged once, taken back or not"


def _assert_nothing_lies_twice(house: Everywhere, new: set[str], regions: int) -> None:
    """Counted where it lies, and by the uploads that were applied, answered or not."""
    lying = Counter(row["fingerprint"] for row in house.cloud.certificates())
    assert {lying[fingerprint] for fingerprint in new} == {1}
    applied = {name: codes.get("OK", 0) for name, codes in house.cloud.calls().items()}
    assert applied["cas.UploadUserCertificate"] == len(new)
    assert applied["clb.UploadServerCertificate"] <= len(new) * regions
