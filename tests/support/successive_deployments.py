"""Deploy certificates one after the other, each by a task of its own."""

from datetime import UTC, datetime, timedelta

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import BookkeepingActivities, InstallationPage
from activities.deployment import DeploymentActivities
from activities.heartbeats import Heartbeater
from domain.certificates.certificate import Certificate
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from tests.support.stack import Stack

PAST = timedelta(days=-1)


class SuccessiveDeployments:
    """Create and run tasks in this process, without Temporal."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.heartbeater = stack, Heartbeater()
        self.activities = DeploymentActivities(stack.store, stack.connectors, self.heartbeater)
        self.tasks = 0

    def stop(self) -> None:
        self.heartbeater.stop()

    def create(self, certificate: Certificate, open_for: timedelta = PAST) -> TaskRecord:
        """Create a task whose rollback window ends `open_for` from now."""
        self.tasks += 1
        plan, now = self.stack.build_plan(certificate), datetime.now(UTC)
        assert plan.changes
        task = TaskRecord(
            id=f"t{self.tasks}",
            name=f"{self.tasks}: {certificate.name}",
            status=TaskStatus.SCHEDULED,
            digest=plan.digest,
            certificates=plan.certificates,
            at=now,
            rollback_until=now + open_for,
            cost=plan.cost,
            created_at=now,
            created_by="tester",
        )
        self.stack.store.tasks.create(task, plan)
        return task

    def install(self, task: TaskRecord) -> None:
        """Install the certificates of the task."""
        page = InstallationPage(task_id=task.id)
        for wanted in BookkeepingActivities(self.stack.store).list_installations(page):
            ActivityEnvironment().run(self.activities.install, wanted)

    def deploy_changes(self, task: TaskRecord, direction: Direction = Direction.DEPLOY) -> None:
        """Make all changes of a task in this direction."""
        for order in self.list_orders(task, direction):
            ActivityEnvironment().run(self.activities.deploy, order)

    def list_orders(self, task: TaskRecord, direction: Direction) -> list[ChangeOrder]:
        return self.stack.store.tasks.outcomes.list_orders(task.id, -1, 100, direction, None)

    def deploy(self, name: str, *names: str, open_for: timedelta = PAST) -> Certificate:
        """A new certificate, deployed to all that match, by a task that has ended."""
        certificate = self.stack.upload(name, *names)
        task = self.create(certificate, open_for)
        self.install(task)
        self.deploy_changes(task)
        for status in (TaskStatus.RUNNING, TaskStatus.SUCCEEDED):
            self.stack.store.tasks.set_status(task.id, status, datetime.now(UTC))
        return certificate
