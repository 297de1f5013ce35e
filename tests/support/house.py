"""A whole house for a test: storage, a practice cloud with domains, an account, a worker."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import col, delete, update
from temporalio.client import Client
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from activities.heartbeats import Heart
from activities.inventory_sync import sync
from domain.certificates.certificate import Certificate, Source, parse_pem
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.resources.account import Account
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import TaskStatus
from operations.planning.planner import make_plan
from operations.runtime.connector_pool import Clouds
from operations.tls.handshake import Endpoint, look
from starter.requests import tasks
from storage.settings import Settings
from storage.store import Store
from storage.tables.core import ChangeRow
from tests.support.factory import CA, Leaf
from tests.support.practice_cloud import PracticeCloud
from worker import build

__all__ = ["House", "any_house", "ca", "cloud", "house"]

ACCOUNT = "main"
SERVICE = "alibaba.cdn"


class House:
    """Words for what tests do all the time."""

    def __init__(self, settings: Settings, store: Store, cloud: PracticeCloud, ca: CA) -> None:
        self.settings, self.store, self.cloud, self.ca = settings, store, cloud, ca
        self.clouds = Clouds(store)
        self.former: dict[str, str | None] = {}
        self.key_id = ""

    def add_account(
        self, propagation: float = 3.0, calls_per_second: float | None = None, **settings: str
    ) -> None:
        """An account of this test's own at the practice cloud; `settings` are added to its own."""
        known = {**self.cloud.account, **settings}
        self.key_id = known["access_key_id"]
        secrets = {"access_key_secret": known.pop("access_key_secret")}
        account = Account(
            name=ACCOUNT,
            provider="alibaba",
            settings=known,
            probe_address=self.cloud.edge,
            propagation_seconds=propagation,
            calls_per_second=calls_per_second,
            created_at=datetime.now(UTC),
        )
        self.store.accounts.add(account, secrets)

    def domains(self, *names: str, https: bool = True) -> None:
        """Creates CDN domains, each with a former certificate of its own, and syncs."""
        entries: list[dict[str, Any]] = []
        for name in names:
            leaf = self.ca.leaf([name.replace(".", "*.", 1) if name.startswith(".") else name])
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            self.former[name] = leaf.fingerprint if https else None
            entries.append({"name": name, "certificate": pem if https else None})
        self.cloud.seed("cdn", account=self.key_id, domains=entries)
        self.sync()

    def sync(self) -> None:
        """Lists and reads all domains."""
        assert sync(self.store, self.clouds, ACCOUNT, SERVICE).error is None

    def upload(
        self, name: str, *names: str, source: Source = Source.UPLOADED, **leaf: Any
    ) -> Certificate:
        """A new certificate for these names, stored with its key."""
        issued: Leaf = self.ca.leaf(list(names), **leaf)
        certificate, key = parse_pem(
            name,
            certificate=issued.leaf_pem,
            chain=issued.chain_pem,
            key=issued.key_pem,
            passphrase=None,
            source=source,
            now=datetime.now(UTC),
        )
        self.store.certificates.add(certificate, key)
        return certificate

    def grant(self, amount: int) -> None:
        """Quota."""
        self.store.quota.grant(amount, "for the test", datetime.now(UTC))

    def plan(self, *certificates: Certificate, **wish: Any) -> Plan:
        """A plan for all that matches, unless `wish` says otherwise."""
        wish = wish or {"all_matched": True}
        fingerprints = tuple(certificate.fingerprint for certificate in certificates)
        asked = PlanRequest(certificates=fingerprints, **wish)
        return make_plan(self.store, self.clouds, asked, now=datetime.now(UTC))

    async def create(
        self, client: Client, plan: Plan, *, delay: timedelta = timedelta(), **more: Any
    ) -> TaskRecord:
        """A task for this plan, by default at once."""
        return await tasks.create(
            self.store,
            client,
            name=more.pop("name", f"task-{plan.digest[:6]}"),
            plan=plan,
            contacts=more.pop("contacts", ()),
            at=datetime.now(UTC) + delay,
            created_by="tester",
            **more,
        )

    async def ended(self, task: TaskRecord, *until: TaskStatus) -> TaskRecord:
        """The task once it has ended, or is in one of `until`."""
        watched = tasks.watch(self.store, task.id, until=frozenset(until) or None)
        return [record async for record in watched][-1]

    async def settled(self, client: Client, task: TaskRecord, *until: TaskStatus) -> TaskRecord:
        """The task once it is in one of `until` and no rollback waits any more."""
        while True:
            progress = await tasks.progress(client, task)
            assert progress is not None
            if progress.status in until and not progress.pending_rollbacks:
                return self.store.tasks.get(task.id)
            await asyncio.sleep(0.05)

    async def noted(self, client: Client, task: TaskRecord, text: str) -> None:
        """Returns once the task shows a note with this text."""
        while True:
            progress = await tasks.progress(client, task)
            assert progress is not None
            if any(text in note for note in progress.notes):
                return
            await asyncio.sleep(0.05)

    def rebind(self, name: str, leaf: Leaf) -> None:
        """Somebody else puts another certificate on a domain."""
        pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
        self.cloud.seed("cdn", account=self.key_id, domains=[{"name": name, "certificate": pem}])

    def tamper_with_digest(self, task: TaskRecord) -> None:
        """Changes the stored plan behind the task's back."""
        with self.store.database.write() as session:
            session.exec(delete(ChangeRow).where(col(ChangeRow.task_id) == task.id))

    def expire_former(self, task_id: str) -> None:
        """What the task's resources served before has expired long ago, as far as its plan knows.

        Its digest is of the plan as it was: for tasks that have been deployed.
        """
        long_ago = datetime.now(UTC) - timedelta(days=900)
        for each in self.store.tasks.outcomes.list(task_id):
            assert each.change.before is not None
            before = each.change.before.model_copy(update={"not_after": long_ago})
            document = each.change.model_copy(update={"before": before}).model_dump(mode="json")
            one = update(ChangeRow).where(col(ChangeRow.task_id) == task_id)
            with self.store.database.write() as session:
                session.exec(
                    one.where(col(ChangeRow.ordinal) == each.ordinal).values(document=document)
                )

    def outcomes(self, task: TaskRecord) -> dict[str, OutcomeRecord]:
        """Outcomes by the resource's key."""
        listed = self.store.tasks.outcomes.list(task.id)
        return {outcome.change.resource.key: outcome for outcome in listed}

    def served(self, name: str) -> str | None:
        """The fingerprint that a handshake shows for this host now."""
        host, _, port = self.cloud.edge.rpartition(":")
        return look(Endpoint(host=host, port=int(port), server_name=name)).fingerprint

    @asynccontextmanager
    async def working(self, client: Client) -> AsyncIterator[None]:
        """A worker, until the block ends."""
        heart = Heart(0.2)
        try:
            runner = SandboxedWorkflowRunner()
            async with build(client, self.store, self.settings, heart, runner):
                yield
        finally:
            heart.stop()


@pytest.fixture(scope="session")
def ca() -> CA:
    """One authority for all tests: making keys is slow."""
    return CA("test")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[PracticeCloud]:
    """A practice cloud of this test's own."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    with PracticeCloud(folder, keep_state=False) as running:
        yield running


@pytest.fixture
def house(sqlite_url: str, tmp_path: Path, cloud: PracticeCloud, ca: CA) -> Iterator[House]:
    """A house on SQLite."""
    yield from _built(
        Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url)), cloud, ca
    )


@pytest.fixture
def any_house(settings: Settings, cloud: PracticeCloud, ca: CA) -> Iterator[House]:
    """A house on each kind of database, one after the other."""
    yield from _built(settings, cloud, ca)


def _built(settings: Settings, cloud: PracticeCloud, ca: CA) -> Iterator[House]:
    with Store.open(settings) as store:
        house = House(settings, store, cloud, ca)
        house.add_account()
        yield house
