"""The activity `run_preflight` checks the pending changes of a task."""

from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import TaskAt
from activities.preflight import PreflightActivities
from domain.tasks.status import OutcomeStatus
from tests.support.attempts import Attempt, attempt

__all__ = ["attempt"]


def test_preflight_leaves_a_change_without_refusals_pending(attempt: Attempt) -> None:
    stack = attempt.stack
    activities = PreflightActivities(stack.store, attempt.pool, attempt.heartbeater, stack.settings)
    task = TaskAt(task_id="t1", at=datetime.now(UTC))
    summary = ActivityEnvironment().run(activities.run_preflight, task)
    assert (summary.failed, summary.refusals) == (0, ())
    assert attempt.outcome.status is OutcomeStatus.PENDING
