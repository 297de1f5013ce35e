"""Whatever others send to a task, it refuses what it does not understand and goes on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from domain.tasks.messages import Progress, build_workflow_id
from domain.tasks.status import TaskStatus
from tests.support.stack import Stack
from workflows.deployment.state import LATEST_ROLLBACK, State

ALL = {"resources": None, "reason": "wrong chain", "requested_by": "tester"}
WRONG: list[list[Any]] = [[], [ALL, ALL], [None], ["all"], [[ALL]], [{**ALL, "unknown": 1}]]


@pytest.mark.parametrize("name", ["rollback", "retry", "cancel", "delete", "explode"])
async def test_a_signal_with_wrong_arguments_is_refused_and_rollback_still_works(
    stack: Stack, engine: Client, name: str
) -> None:
    stack.seed_domains("www.example.com")
    new = stack.upload("new", "www.example.com")
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new))
        await stack.wait_ended(task)
        handle = engine.get_workflow_handle(build_workflow_id(task.id))
        for arguments in WRONG:
            await handle.signal(name, args=arguments)
        progress = await handle.query("progress", result_type=Progress)
        assert (progress.pending_rollbacks, progress.pending_retries) == (0, 0)
        assert [name in note for note in progress.notes] == [True] * len(progress.notes)
        assert progress.notes
        assert stack.get_served("www.example.com") == new.fingerprint
        await handle.signal("rollback", ALL)
        back = await stack.wait_ended(task, TaskStatus.ROLLED_BACK)
    assert back.tally.rolled_back == 1


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", None, 5])
async def test_a_time_out_of_range_is_refused_and_the_task_waits_on(
    stack: Stack, engine: Client, at: object
) -> None:
    stack.seed_domains("www.example.com")
    new = stack.upload("new", "www.example.com")
    stack.grant_quota(1)
    async with stack.run_worker(engine):
        task = await stack.create_task(engine, stack.build_plan(new), delay=timedelta(days=1))
        handle = engine.get_workflow_handle(build_workflow_id(task.id))
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("reschedule", {"at": at})
        now = datetime.now(UTC).isoformat()
        await handle.execute_update("reschedule", {"at": now})
        ended = await stack.wait_ended(task)
    assert ended.status is TaskStatus.SUCCEEDED


def test_a_task_that_is_moved_to_and_fro_keeps_a_time_that_a_timer_takes() -> None:
    early, late = datetime(2000, 1, 2, tzinfo=UTC), datetime(2199, 12, 31, tzinfo=UTC)
    state = SimpleNamespace(at=early, rollback_until=early + timedelta(days=30))
    for _ in range(200):
        State.set_time(cast(State, state), late)
        State.set_time(cast(State, state), early)
    assert late < state.rollback_until <= LATEST_ROLLBACK
