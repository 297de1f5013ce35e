"""Tests that a task of 200 changes ends correctly, whichever process is killed in the middle."""

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
REFUSED = DOMAINS // 10
ACCEPTED = DOMAINS - REFUSED


async def test_workers_killed_during_deployment_and_rollback_lose_nothing(lab: Lab) -> None:
    task, new = await _deploy_with_killed_worker(lab)
    await tasks.rollback(await lab.client(), task, None, "wrong chain", "tester")
    lab.wait_middle(task, ROLLED_BACK)
    lab.kill_worker()
    lab.assert_in_the_middle(task, ROLLED_BACK)
    lab.start_worker()
    back = await lab.stack.wait_ended(
        task, TaskStatus.ROLLED_BACK, TaskStatus.PARTIALLY_ROLLED_BACK
    )
    assert back.status is TaskStatus.ROLLED_BACK
    counts = lab.assert_correct(task, new)
    assert counts[ROLLED_BACK] >= ACCEPTED
    assert counts[ROLLED_BACK] + counts[FAILED] == DOMAINS


async def test_a_killed_worker_is_replaced_without_loss_on_postgresql(postgresql_lab: Lab) -> None:
    await _deploy_with_killed_worker(postgresql_lab)


async def _deploy_with_killed_worker(lab: Lab) -> tuple[TaskRecord, Certificate]:
    task, new = await lab.start_task()
    lab.wait_middle(task, DEPLOYED)
    lab.kill_worker()
    lab.assert_in_the_middle(task, DEPLOYED)
    lab.start_worker()
    assert (await lab.stack.wait_ended(task)).status is TaskStatus.PARTIALLY_FAILED
    assert lab.assert_correct(task, new) == {DEPLOYED: ACCEPTED, FAILED: REFUSED}
    return task, new


async def test_a_killed_temporal_server_continues_from_its_file(lab: Lab) -> None:
    task, new = await lab.start_task()
    lab.wait_middle(task, DEPLOYED)
    lab.kill_temporal()
    lab.start_temporal()
    lab.assert_in_the_middle(task, DEPLOYED)
    assert (await lab.stack.wait_ended(task)).status is TaskStatus.PARTIALLY_FAILED
    assert lab.assert_correct(task, new) == {DEPLOYED: ACCEPTED, FAILED: REFUSED}


async def test_a_worker_and_a_server_killed_together_lose_nothing(lab: Lab) -> None:
    task, new = await lab.start_task()
    lab.wait_middle(task, DEPLOYED)
    lab.kill_temporal()
    lab.kill_worker()
    lab.assert_in_the_middle(task, DEPLOYED)
    lab.start_temporal()
    lab.start_worker()
    assert (await lab.stack.wait_ended(task)).status is TaskStatus.PARTIALLY_FAILED
    assert lab.assert_correct(task, new) == {DEPLOYED: ACCEPTED, FAILED: REFUSED}


async def test_a_task_waits_for_a_cloud_that_is_killed_and_restarted(lab: Lab) -> None:
    task, new = await lab.start_task()
    lab.wait_middle(task, DEPLOYED)
    lab.stack.cloud.kill()
    lab.assert_in_the_middle(task, DEPLOYED)
    lab.restart_cloud()
    ended = await lab.stack.wait_ended(task)
    assert ended.status in (TaskStatus.PARTIALLY_FAILED, TaskStatus.SUCCEEDED)
    counts = lab.assert_correct(task, new)
    # Before the fault was added again, the cloud may have accepted a change that it refuses.
    assert counts[DEPLOYED] >= ACCEPTED
    assert counts[DEPLOYED] + counts[FAILED] == DOMAINS
