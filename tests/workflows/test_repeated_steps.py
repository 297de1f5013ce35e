"""A step whose answer is lost is repeated by the engine: the result stays the same."""

from datetime import UTC, datetime

import pytest
from temporalio.testing import ActivityEnvironment

from activities.deployment import Deployment
from activities.heartbeats import Heart
from domain.cause import Cause
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import TaskRecord
from domain.tasks.status import OutcomeStatus, Tally, TaskStatus
from operations.deployment.outcome import FailedChange
from tests.support.house import ACCOUNT, SERVICE, House

ORDER = ChangeOrder(
    task_id="t1",
    ordinal=0,
    direction=Direction.DEPLOY,
    label="a.example.com",
    account=ACCOUNT,
    service=SERVICE,
)


@pytest.fixture
def deployment(house: House) -> Deployment:
    """The steps, with a task of one change that is installed already."""
    house.domains("a.example.com")
    plan = house.plan(house.upload("new", "a.example.com"))
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
    house.store.tasks.create(record, plan)
    steps = Deployment(house.store, house.clouds, Heart())
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
    house: House, deployment: Deployment
) -> None:
    environment = ActivityEnvironment()
    environment.run(deployment.deploy, ORDER)
    calls = house.cloud.calls()
    environment.run(deployment.deploy, ORDER)
    assert house.cloud.calls() == calls
    assert house.store.tasks.outcomes.get("t1", 0).attempts == 1


def test_a_success_stays_one_when_its_attempt_was_given_up_as_late(
    house: House, deployment: Deployment
) -> None:
    environment = ActivityEnvironment()
    environment.run(deployment.deploy, ORDER)
    late = FailedChange(order=ORDER, cause=Cause(code="Timeout", message="late"))
    environment.run(deployment.record_failure, late)
    assert house.store.tasks.outcomes.get("t1", 0).status is OutcomeStatus.DEPLOYED
