"""Tests that a sync continues at the same page after its worker was killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from starter.requests import syncs
from tests.faults.lab import Lab, running_lab
from tests.support.factory import CA
from tests.support.stack import ACCOUNT, SERVICE
from tests.support.syncs import (
    DCDN,
    count_page_reads,
    get_sync_record,
    list_keys,
    wait_ended,
    wait_for_worker,
    wait_seen,
)

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

DOMAINS = 2000  # four pages of 500, of two services
PAGES = 4
STOP = 500


@pytest.fixture
def lab(tmp_path: Path, ca: CA) -> Iterator[Lab]:
    """A laboratory that records every request."""
    with running_lab(tmp_path, ca, record=True) as running:
        yield running


async def test_a_sync_is_complete_although_its_worker_was_killed(lab: Lab) -> None:
    stack = lab.stack
    names = [f"n{number:04}.example.com" for number in range(DOMAINS)]
    domains = [{"name": name, "certificate": None} for name in names]
    for service in ("cdn", "dcdn"):
        stack.cloud.seed(service, account=stack.key_id, domains=domains)
    stack.cloud.set_latency(300)
    client = await lab.client()
    await wait_for_worker(client)
    running = await syncs.start_or_join(client, stack.store, ACCOUNT, [SERVICE, DCDN])
    await wait_seen(stack, 1)
    began_at = get_sync_record(stack).began_at
    await wait_seen(stack, STOP)
    lab.kill_worker()
    assert get_sync_record(stack).ended_at is None
    lab.start_worker()
    found = await wait_ended(stack, running)
    assert [(each.seen, each.error) for each in found] == [(DOMAINS, None)] * 2
    assert list_keys(stack) == [*names, *names]
    reads = count_page_reads(stack)
    assert set(reads) == set(range(1, PAGES + 1))
    assert reads.total() <= PAGES + 1, "more than the interrupted page was read again"
    assert get_sync_record(stack).began_at == began_at
