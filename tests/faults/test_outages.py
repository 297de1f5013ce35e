"""Databases killed, networks cut, disks full, clocks wrong: the task ends by itself, and right."""

import os

import pytest

from domain.rollout.policy import RolloutPolicy
from tests.chaos import clock
from tests.chaos.recording_ca import Issuing
from tests.chaos.postgresql import Postgresql
from tests.chaos.run import Result, run
from tests.chaos.scenario import Scenario, Fault
from tests.support.factory import key_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]  # longer than a run waits

RESOURCES = 44
ON_POSTGRESQL = ("kill database",)
ON_SQLITE = ("cut temporal", "stall cloud", "full disk", "clock ahead")
SOON = 0.9


@pytest.fixture(scope="module")
def authority() -> Issuing:
    key_for("rsa", None)  # made once
    return Issuing("outages")


async def struck_in_the_middle(
    kind: str, authority: Issuing, postgresql: Postgresql | None
) -> Result:
    """One task over all services, struck while it is under way: else a test would prove nothing."""
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
    (then,) = result.struck
    assert then.pending + then.deploying > 0, "the strike came when all was over"
    return result


@pytest.mark.parametrize("kind", ON_SQLITE)
async def test_a_task_goes_on_after(kind: str, authority: Issuing) -> None:
    if kind.startswith("clock") and clock.library() is None:
        pytest.skip("libfaketime is not installed")
    result = await struck_in_the_middle(kind, authority, None)
    assert result.violations == [], result.notes


async def test_a_task_goes_on_after_its_database_was_killed(
    authority: Issuing,
) -> None:
    postgresql = Postgresql()
    try:
        for kind in ON_POSTGRESQL:
            result = await struck_in_the_middle(kind, authority, postgresql)
            assert result.violations == [], result.notes
    finally:
        postgresql.close()
        os.environ.pop("XDG_RUNTIME_DIR", None)
