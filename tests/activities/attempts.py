"""One change of one task against a practice cloud, and the steps that make it, for tests."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, update
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.deployment import Deployment
from activities.heartbeats import Heart
from activities.inventory_sync import sync
from domain.plans.plan import Plan
from domain.tasks.evidence import Handshake
from domain.tasks.messages import ChangeOrder, Direction, Installation
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import TaskStatus
from operations.runtime.connector_pool import Clouds
from operations.verification.observation import Eyes
from storage.tables.core import AccountRow
from tests.support.house import ACCOUNT, SERVICE, House

__all__ = ["Attempt", "attempt", "order"]

NAME = "a.example.com"


def order(direction: Direction = Direction.DEPLOY, service: str = SERVICE) -> ChangeOrder:
    return ChangeOrder(
        task_id="t1",
        ordinal=0,
        direction=direction,
        label=NAME,
        account=ACCOUNT,
        service=service,
    )


class Attempt:
    """A task of one change, and the steps that make it."""

    def __init__(self, house: House, service: str = SERVICE) -> None:
        self.house, self.heart, self.eyes = house, Heart(), Eyes()
        self.clouds, self.service = house.clouds, service
        self.steps = Deployment(house.store, house.clouds, self.heart)
        if service == SERVICE:
            house.domains(NAME)
        else:
            leaf = house.ca.leaf([NAME])
            house.former[NAME] = leaf.fingerprint
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            product = service.partition(".")[2]
            house.cloud.seed(product, account=house.key_id, listeners=[{"certificate": pem}])
            assert sync(house.store, house.clouds, ACCOUNT, service).error is None
        self.new = house.upload("new", NAME)
        self.create(house.plan(self.new))

    def look_from(self, *addresses: str, propagation: float = 3.0) -> None:
        """From now on handshakes go to these addresses, HOST:PORT."""
        store = self.house.store
        told = {"probe_address": ",".join(addresses), "propagation_seconds": propagation}
        account = store.accounts.get(ACCOUNT).model_copy(update=told)
        with store.database.write() as session:
            own = update(AccountRow).where(col(AccountRow.name) == ACCOUNT)
            session.exec(own.values(document=account.model_dump(mode="json")))
        self.clouds = self.house.clouds = Clouds(store)
        self.steps = Deployment(store, self.clouds, self.heart, self.eyes)

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
        self.house.store.tasks.create(record, plan)
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
        ActivityEnvironment().run(self.steps.install, wanted)

    def deploy(self, direction: Direction = Direction.DEPLOY) -> None:
        ActivityEnvironment().run(self.steps.deploy, order(direction, self.service))

    def refused(self, direction: Direction = Direction.DEPLOY) -> ApplicationError:
        """The failure of an attempt that must not succeed."""
        with pytest.raises(ApplicationError) as caught:
            self.deploy(direction)
        return caught.value

    @property
    def outcome(self) -> OutcomeRecord:
        return self.house.store.tasks.outcomes.get("t1", 0)

    def evidence(self, *moments: str) -> list[Handshake]:
        """What was seen at these moments, oldest first; at none: all of it."""
        kept = self.house.store.evidence.of_change("t1", 0)
        return [each for each in kept if not moments or each.moment in moments]


@pytest.fixture
def attempt(house: House) -> Iterator[Attempt]:
    attempt = Attempt(house)
    yield attempt
    attempt.heart.stop()
