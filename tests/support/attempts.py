"""A task of one change against the practice cloud, and the activities that deploy it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deployment import DeploymentActivities
from activities.heartbeats import Heartbeater
from domain.plans.plan import Plan
from domain.tasks.evidence import Handshake
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import TaskStatus
from operations.inventory.service_sync import sync_here
from operations.runtime.connector_pool import ConnectorPool
from operations.verification.observation import Prober
from storage.tables.core import AccountRow
from tests.support.stack import ACCOUNT, SERVICE, Stack

__all__ = ["Attempt", "attempt", "build_order"]

NAME = "a.example.com"


def build_order(direction: Direction = Direction.DEPLOY, service: str = SERVICE) -> ChangeOrder:
    return ChangeOrder(
        task_id="t1",
        ordinal=0,
        direction=direction,
        label=NAME,
        account=ACCOUNT,
        service=service,
    )


class Attempt:
    """A task of one change, and the activities that deploy it."""

    def __init__(self, stack: Stack, service: str = SERVICE) -> None:
        self.stack, self.heartbeater, self.prober = stack, Heartbeater(), Prober()
        self.pool, self.service = stack.connectors, service
        self.activities = DeploymentActivities(stack.store, stack.connectors, self.heartbeater)
        if service == SERVICE:
            stack.seed_domains(NAME)
        else:
            leaf = stack.ca.leaf([NAME])
            stack.fingerprints_before[NAME] = leaf.fingerprint
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            product = service.partition(".")[2]
            stack.cloud.seed(product, account=stack.key_id, listeners=[{"certificate": pem}])
            assert sync_here(stack.store, stack.connectors, ACCOUNT, service).error is None
        self.new = stack.upload("new", NAME)
        self.create(stack.build_plan(self.new))

    def set_probe_addresses(self, *addresses: str, propagation: float = 3.0) -> None:
        """Later handshakes go to these addresses, HOST:PORT."""
        store = self.stack.store
        update_values = {"probe_address": ",".join(addresses), "propagation_seconds": propagation}
        account = store.accounts.get(ACCOUNT).model_copy(update=update_values)
        with store.database.write() as session:
            own = update(AccountRow).where(col(AccountRow.name) == ACCOUNT)
            session.exec(own.values(document=account.model_dump(mode="json")))
        self.pool = self.stack.connectors = ConnectorPool(store)
        self.activities = DeploymentActivities(store, self.pool, self.heartbeater, self.prober)

    def create(self, plan: Plan) -> None:
        now = datetime.now(UTC)
        record = TaskRecord(
            id="t1",
            name="t1",
            status=TaskStatus.RUNNING,
            digest=plan.digest,
            certificates=plan.certificates,
            at=now,
            rollback_until=now + timedelta(days=1),
            cost=plan.cost,
            created_at=now,
            created_by="tester",
        )
        self.stack.store.tasks.create(record, plan)
        self.store = plan.changes[0].store

    def install(self) -> None:
        wanted = Installation(
            task_id="t1",
            fingerprint=self.new.fingerprint,
            account=ACCOUNT,
            store=self.store,
            ordinal=0,
            label="new",
        )
        ActivityEnvironment().run(self.activities.install, wanted)

    def deploy(self, direction: Direction = Direction.DEPLOY) -> None:
        ActivityEnvironment().run(self.activities.deploy, build_order(direction, self.service))

    def fail_deploy(self, direction: Direction = Direction.DEPLOY) -> ApplicationError:
        """Makes an attempt that must fail; returns its failure."""
        with pytest.raises(ApplicationError) as caught:
            self.deploy(direction)
        return caught.value

    @property
    def outcome(self) -> OutcomeRecord:
        return self.stack.store.tasks.outcomes.get("t1", 0)

    def evidence(self, *moments: str) -> list[Handshake]:
        """The handshakes of these moments, or of all, oldest first."""
        kept = self.stack.store.evidence.list_change_handshakes("t1", 0)
        return [each for each in kept if not moments or each.moment in moments]


@pytest.fixture
def attempt(stack: Stack) -> Iterator[Attempt]:
    attempt = Attempt(stack)
    yield attempt
    attempt.heartbeater.stop()
