"""The activity `clean_up` stops with its worker."""

from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import TaskAt
from activities.cleanup import CleanupActivities
from tests.support.stack import Stack
from tests.support.successive_deployments import SuccessiveDeployments

NAME = "a.example.com"
TASK = TaskAt(task_id="t4", at=datetime(2027, 3, 1, 12, tzinfo=UTC))


def test_a_worker_that_shuts_down_removes_nothing_more(stack: Stack) -> None:
    stack.seed_domains(NAME)
    generations = SuccessiveDeployments(stack)
    for name in ("first", "second", "third", "last"):
        generations.deploy(name, NAME)
    activities = CleanupActivities(stack.store, stack.connectors, generations.heartbeater)
    stopping = ActivityEnvironment()
    stopping.worker_shutdown()
    assert stopping.run(activities.clean_up, TASK) == 0
    assert ActivityEnvironment().run(activities.clean_up, TASK) == 1
    generations.stop()
