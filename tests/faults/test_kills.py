"""Whatever is killed in the middle of 200 changes: the task ends by itself, and ends right."""

import pytest

from domain.certificates.certificate import Certificate
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, TaskStatus
from starter.requests import tasks
from tests.faults.lab import DOMAINS, Lab

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

DEPLOYED, FAILED, ROLLED_BACK = (
    OutcomeStatus.DEPLOYED,
    OutcomeStatus.FAILED,
    OutcomeStatus.ROLLED_BACK,
)
SOME = DOMAINS // 10
OTHERS = DOMAINS - SOME


async def test_workers_killed_on_the_way_there_and_on_the_way_back_lose_nothing(lab: Lab) -> None:
    task, new = await _worker_killed(lab)
    await tasks.rollback(await lab.client(), task, None, "wrong chain", "tester")
    lab.reach_middle(task, ROLLED_BACK)
    lab.kill_worker()
    lab.assert_in_the_middle(task, ROLLED_BACK)
    lab.start_worker()
    back = await lab.stack.wait_ended(
        task, TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK
    )
    assert back.status is TaskStatus.ROLLED_BACK
    counts = lab.assert_right(task, new)
    assert counts[ROLLED_BACK] >= OTHERS
    assert counts[ROLLED_BACK] + counts[FAILED] == DOMAINS


async def test_a_killed_worker_is_replaced_without_loss_on_postgresql(postgresql_lab: Lab) -> None:
    await _worker_killed(postgresql_lab)


async def _worker_killed(lab: Lab) -> tuple[TaskRecord, Certificate]:
    task, new = await lab.begin()
    lab.reach_middle(task, DEPLOYED)
    lab.kill_worker()
    lab.assert_in_the_middle(task, DEPLOYED)
    lab.start_worker()
    assert (await lab.stack.wait_ended(task)).status is TaskStatus.PARTIALLY_FAILED
    assert lab.assert_right(task, new) == {DEPLOYED: OTHERS, FAILED: SOME}
    return task, new


async def test_a_killed_temporal_server_goes_on_from_its_file(lab: Lab) -> None:
    task, new = await lab.begin()
    lab.reach_middle(task, DEPLOYED)
    lab.kill_temporal()
    lab.start_temporal()
    lab.assert_in_the_middle(task, DEPLOYED)
    assert (await lab.stack.wait_ended(task)).status is TaskStatus.PARTIALLY_FAILED
    assert lab.assert_right(task, new) == {DEPLOYED: OTHERS, FAILED: SOME}


async def test_worker_and_server_killed_at_once_lose_nothing(lab: Lab) -> None:
    task, new = await lab.begin()
    lab.reach_middle(task, DEPLOYED)
    lab.kill_temporal()
    lab.kill_worker()
    lab.assert_in_the_middle(task, DEPLOYED)
    lab.start_temporal()
    lab.start_worker()
    assert (await lab.stack.wait_ended(task)).status is TaskStatus.PARTIALLY_FAILED
    assert lab.assert_right(task, new) == {DEPLOYED: OTHERS, FAILED: SOME}


async def test_a_cloud_that_dies_and_comes_back_is_waited_for(lab: Lab) -> None:
    task, new = await lab.begin()
    lab.reach_middle(task, DEPLOYED)
    lab.stack.cloud.kill()
    lab.assert_in_the_middle(task, DEPLOYED)
    lab.restart_cloud()
    ended = await lab.stack.wait_ended(task)
    assert ended.status in (TaskStatus.PARTIALLY_FAILED, TaskStatus.SUCCEEDED)
    counts = lab.assert_right(task, new)
    # Between its start and the new rule the cloud may have taken a change that it refuses later.
    assert counts[DEPLOYED] >= OTHERS
    assert counts[DEPLOYED] + counts[FAILED] == DOMAINS
