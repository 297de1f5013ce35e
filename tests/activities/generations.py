"""Certificates that were deployed one after the other, each by a task of its own."""

from datetime import UTC, datetime, timedelta

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import Bookkeeping, InstallationsAfter
from activities.deployment import Deployment
from activities.heartbeats import Heart
from domain.certificates.certificate import Certificate
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from tests.support.house import House

PAST = timedelta(days=-1)


class Generations:
    """Makes and runs tasks in this process, without an engine."""

    def __init__(self, house: House) -> None:
        self.house, self.heart = house, Heart()
        self.steps = Deployment(house.store, house.clouds, self.heart)
        self.tasks = 0

    def stop(self) -> None:
        self.heart.stop()

    def create(self, certificate: Certificate, open_for: timedelta = PAST) -> TaskRecord:
        """A task that may be taken back for so long from now on."""
        self.tasks += 1
        plan, now = self.house.plan(certificate), datetime.now(UTC)
        assert plan.changes
        made = TaskRecord(
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
        self.house.store.tasks.create(made, plan)
        return made

    def install(self, task: TaskRecord) -> None:
        """The first step of a task that needs to install anything."""
        page = InstallationsAfter(task_id=task.id)
        for wanted in Bookkeeping(self.house.store).installations(page):
            ActivityEnvironment().run(self.steps.install, wanted)

    def make(self, task: TaskRecord, direction: Direction = Direction.DEPLOY) -> None:
        """All changes of a task, one way or the other."""
        for order in self.orders(task, direction):
            ActivityEnvironment().run(self.steps.deploy, order)

    def orders(self, task: TaskRecord, direction: Direction) -> list[ChangeOrder]:
        return self.house.store.tasks.outcomes.orders(task.id, -1, 100, direction, None)

    def deploy(self, name: str, *names: str, open_for: timedelta = PAST) -> Certificate:
        """A new certificate, deployed to all that match, by a task that has ended."""
        certificate = self.house.upload(name, *names)
        task = self.create(certificate, open_for)
        self.install(task)
        self.make(task)
        for status in (TaskStatus.RUNNING, TaskStatus.SUCCEEDED):
            self.house.store.tasks.set_status(task.id, status, datetime.now(UTC))
        return certificate
