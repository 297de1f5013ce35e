"""Tests that a task ends correctly after a killed database, cut network, full disk, wrong clock."""

import os

import pytest

from domain.rollout.policy import RolloutPolicy
from tests.chaos import clock
from tests.chaos.postgresql import Postgresql
from tests.chaos.recording_ca import RecordingCA
from tests.chaos.run import Result, run
from tests.chaos.scenario import Fault, Scenario
from tests.support.factory import get_key

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]  # longer than the timeout of a run

RESOURCES = 44
ON_POSTGRESQL = ("kill database",)
ON_SQLITE = ("cut temporal", "stall cloud", "full disk", "clock ahead")
SOON = 0.9


@pytest.fixture(scope="module")
def authority() -> RecordingCA:
    get_key("rsa", None)  # cached for all tests
    return RecordingCA("outages")


async def run_with_fault(
    kind: str, authority: RecordingCA, postgresql: Postgresql | None
) -> Result:
    """Run one task over all services, with one fault while it is at work."""
    scenario = Scenario(
        seed=1,
        postgresql=postgresql is not None,
        scale=RESOURCES,
        workers=1,
        tasks=1,
        rivals=False,
        concurrency=4,
        delay=0.0,
        latency_ms=60.0,
        propagation=0.1,
        rollouts=(RolloutPolicy(),),
        faults=(Fault(kind, at=SOON, seconds=2.0),),
    )
    result = await run(scenario, authority, postgresql)
    (tally,) = result.tallies
    assert tally.pending + tally.deploying > 0, "the fault began after the end of the task"
    return result


@pytest.mark.parametrize("kind", ON_SQLITE)
async def test_a_task_continues_after(kind: str, authority: RecordingCA) -> None:
    if kind.startswith("clock") and clock.find_library() is None:
        pytest.skip("libfaketime is not installed")
    result = await run_with_fault(kind, authority, None)
    assert result.violations == [], result.notes


async def test_a_task_continues_after_its_database_was_killed(authority: RecordingCA) -> None:
    postgresql = Postgresql()
    try:
        for kind in ON_POSTGRESQL:
            result = await run_with_fault(kind, authority, postgresql)
            assert result.violations == [], result.notes
    finally:
        postgresql.close()
        os.environ.pop("XDG_RUNTIME_DIR", None)
