"""Temporal repeats an activity whose answer is lost: the result stays the same."""

from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.deployment import DeploymentActivities
from activities.heartbeats import Heartbeater
from domain.cause import Cause
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from operations.deployment.outcome import FailedChange
from tests.support.stack import ACCOUNT, SERVICE, Stack

ORDER = ChangeOrder(
    task_id="t1",
    ordinal=0,
    direction=Direction.DEPLOY,
    label="a.example.com",
    account=ACCOUNT,
    service=SERVICE,
)


@pytest.fixture
def deployment(stack: Stack) -> DeploymentActivities:
    """The steps, with a task of one change that is installed already."""
    stack.seed_domains("a.example.com")
    plan = stack.build_plan(stack.upload("new", "a.example.com"))
    now = datetime.now(UTC)
    record = TaskRecord(
        id="t1",
        name="t1",
        status=TaskStatus.RUNNING,
        digest=plan.digest,
        certificates=plan.certificates,
        at=now,
        rollback_until=now,
        cost=0,
        created_at=now,
        created_by="tester",
        tally=Tally(pending=1),
    )
    stack.store.tasks.create(record, plan)
    steps = DeploymentActivities(stack.store, stack.connectors, Heartbeater())
    installation = Installation(
        task_id="t1",
        fingerprint=plan.certificates[0],
        account=ACCOUNT,
        store=plan.changes[0].store,
        ordinal=0,
        label="new",
    )
    ActivityEnvironment().run(steps.install, installation)
    return steps


def test_a_deployment_that_recorded_its_success_is_not_made_again(
    stack: Stack, deployment: DeploymentActivities
) -> None:
    environment = ActivityEnvironment()
    environment.run(deployment.deploy, ORDER)
    calls = stack.cloud.count_calls()
    environment.run(deployment.deploy, ORDER)
    assert stack.cloud.count_calls() == calls
    assert stack.store.tasks.outcomes.get("t1", 0).attempts == 1


def test_a_success_stays_one_when_its_attempt_was_given_up_as_late(
    stack: Stack, deployment: DeploymentActivities
) -> None:
    environment = ActivityEnvironment()
    environment.run(deployment.deploy, ORDER)
    late = FailedChange(order=ORDER, cause=Cause(code="Timeout", message="late"))
    environment.run(deployment.record_failure, late)
    assert stack.store.tasks.outcomes.get("t1", 0).status is OutcomeStatus.DEPLOYED
