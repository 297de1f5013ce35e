"""A worker killed outright in the middle of a sync: each walk goes on at the page where it was."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from starter.requests import syncs
from tests.faults.lab import Lab, running_lab
from tests.support.factory import CA
from tests.support.house import ACCOUNT, SERVICE
from tests.workflows.syncing import DCDN, ended, keys, pages, reached, record, taking_work

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

DOMAINS = 2000  # four pages of 500, of two services
PAGES = 4
STOP = 500


@pytest.fixture
def lab(tmp_path: Path, ca: CA) -> Iterator[Lab]:
    """One that keeps every request."""
    with running_lab(tmp_path, ca, record=True) as running:
        yield running


async def test_a_sync_ends_complete_though_its_worker_was_killed(
    lab: Lab,
) -> None:
    house = lab.house
    names = [f"n{number:04}.example.com" for number in range(DOMAINS)]
    domains = [{"name": name, "certificate": None} for name in names]
    for service in ("cdn", "dcdn"):
        house.cloud.seed(service, account=house.key_id, domains=domains)
    house.cloud.latency(300)
    client = await lab.client()
    await taking_work(client)
    running = await syncs.sync(client, house.store, ACCOUNT, [SERVICE, DCDN])
    await reached(house, 1)
    began = record(house).began_at
    await reached(house, STOP)
    lab.kill_worker()
    assert record(house).ended_at is None
    lab.start_worker()
    found = await ended(house, running)
    assert [(each.seen, each.error) for each in found] == [(DOMAINS, None)] * 2
    assert keys(house) == [*names, *names]
    asked = pages(house)
    assert set(asked) == set(range(1, PAGES + 1))
    assert asked.total() <= PAGES + 1, "only the page that was killed is listed again"
    assert record(house).began_at == began
