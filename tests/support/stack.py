"""Fixtures for a whole stack: storage, a practice cloud, an account there, and a worker."""

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

from activities.heartbeats import Heartbeater
from domain.certificates.certificate import Certificate, Source, parse_pem
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.resources.account import Account
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.spec import TaskSpec
from domain.tasks.status import TaskStatus
from operations.inventory.service_sync import sync_here
from operations.planning.planner import make_plan
from operations.runtime.connector_pool import ConnectorPool
from operations.tls.handshake import Endpoint, shake_hands
from starter.requests import tasks
from storage.settings import Settings
from storage.store import Store
from storage.tables.core import ChangeRow
from tests.support.factory import CA, Leaf
from tests.support.practice_cloud import PracticeCloud
from worker import build_worker

__all__ = ["Stack", "any_stack", "ca", "cloud", "stack"]

ACCOUNT = "main"
SERVICE = "alibaba.cdn"


class Stack:
    """All parts of certroll with a practice cloud, and the steps that many tests share."""

    def __init__(self, settings: Settings, store: Store, cloud: PracticeCloud, ca: CA) -> None:
        self.settings, self.store, self.cloud, self.ca = settings, store, cloud, ca
        self.connectors = ConnectorPool(store)
        self.fingerprints_before: dict[str, str | None] = {}
        self.key_id = ""

    def add_account(
        self, propagation: float = 3.0, calls_per_second: float | None = None, **settings: str
    ) -> None:
        """Add the account of the practice cloud; `settings` extend its settings."""
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

    def seed_domains(self, *names: str, https: bool = True) -> None:
        """Create CDN domains, each with a certificate of its own, and sync."""
        entries: list[dict[str, Any]] = []
        for name in names:
            leaf = self.ca.leaf([name.replace(".", "*.", 1) if name.startswith(".") else name])
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            self.fingerprints_before[name] = leaf.fingerprint if https else None
            entries.append({"name": name, "certificate": pem if https else None})
        self.cloud.seed("cdn", account=self.key_id, domains=entries)
        self.sync()

    def sync(self) -> None:
        """Sync the CDN domains."""
        assert sync_here(self.store, self.connectors, ACCOUNT, SERVICE).error is None

    def upload(
        self, name: str, *names: str, source: Source = Source.UPLOADED, **leaf: Any
    ) -> Certificate:
        """Issue a certificate for these names and store it with its key."""
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

    def grant_quota(self, amount: int) -> None:
        self.store.quota.grant(amount, "for the test", datetime.now(UTC))

    def build_plan(self, *certificates: Certificate, **request: Any) -> Plan:
        """Plan all that matches, unless `request` says otherwise."""
        request = request or {"all_matched": True}
        fingerprints = tuple(certificate.fingerprint for certificate in certificates)
        asked = PlanRequest(certificates=fingerprints, **request)
        return make_plan(self.store, self.connectors, asked, now=datetime.now(UTC))

    async def create_task(
        self, client: Client, plan: Plan, *, delay: timedelta = timedelta(), **more: Any
    ) -> TaskRecord:
        """Create a task for this plan, by default at once."""
        at, name = datetime.now(UTC) + delay, more.pop("name", f"task-{plan.digest[:6]}")
        spec = TaskSpec(name=name, plan=plan, at=at, created_by="tester", **more)
        return await tasks.create(self.store, client, spec)

    async def wait_ended(self, task: TaskRecord, *until: TaskStatus) -> TaskRecord:
        """Wait until the task has ended, or is in one of `until`."""
        watched = tasks.watch(self.store, task.id, until=frozenset(until) or None)
        return [record async for record in watched][-1]

    async def wait_settled(
        self, client: Client, task: TaskRecord, *until: TaskStatus
    ) -> TaskRecord:
        """Wait until the task is in one of `until` and no rollback is pending."""
        while True:
            progress = await tasks.progress(client, task)
            assert progress is not None
            if progress.status in until and not progress.pending_rollbacks:
                return self.store.tasks.get(task.id)
            await asyncio.sleep(0.05)

    async def wait_for_note(self, client: Client, task: TaskRecord, text: str) -> None:
        """Wait until the task shows a note with this text."""
        while True:
            progress = await tasks.progress(client, task)
            assert progress is not None
            if any(text in note for note in progress.notes):
                return
            await asyncio.sleep(0.05)

    def rebind(self, name: str, leaf: Leaf) -> None:
        """Bind another certificate to a domain, as somebody else would."""
        pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
        self.cloud.seed("cdn", account=self.key_id, domains=[{"name": name, "certificate": pem}])

    def tamper_with_digest(self, task: TaskRecord) -> None:
        """Delete the changes of the stored plan, so that its digest is wrong."""
        with self.store.database.write() as session:
            session.exec(delete(ChangeRow).where(col(ChangeRow.task_id) == task.id))

    def expire_certificates_before(self, task_id: str) -> None:
        """Let the certificates before the changes have expired, as far as the plan knows.

        The digest does not change with it, so use it for deployed tasks only.
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

    def list_outcomes(self, task: TaskRecord) -> dict[str, OutcomeRecord]:
        """The outcomes by the key of the resource."""
        listed = self.store.tasks.outcomes.list(task.id)
        return {outcome.change.resource.key: outcome for outcome in listed}

    def get_served(self, name: str) -> str | None:
        """The fingerprint that this host serves now."""
        host, _, port = self.cloud.edge.rpartition(":")
        return shake_hands(Endpoint(host=host, port=int(port), server_name=name)).fingerprint

    @asynccontextmanager
    async def run_worker(self, client: Client) -> AsyncIterator[None]:
        """Run a worker until the block ends."""
        heart = Heartbeater(0.2)
        try:
            runner = SandboxedWorkflowRunner()
            async with build_worker(client, self.store, self.settings, heart, runner):
                yield
        finally:
            heart.stop()


@pytest.fixture(scope="session")
def ca() -> CA:
    """One authority for all tests, because making keys is slow."""
    return CA("test")


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[PracticeCloud]:
    """A new practice cloud."""
    folder = tmp_path / "cloud"
    folder.mkdir()
    with PracticeCloud(folder, keep_state=False) as running:
        yield running


@pytest.fixture
def stack(sqlite_url: str, tmp_path: Path, cloud: PracticeCloud, ca: CA) -> Iterator[Stack]:
    """A stack on SQLite."""
    yield from _build_stack(
        Settings(home=tmp_path / "home", database_url=SecretStr(sqlite_url)), cloud, ca
    )


@pytest.fixture
def any_stack(settings: Settings, cloud: PracticeCloud, ca: CA) -> Iterator[Stack]:
    """A stack; the test runs once on each kind of database."""
    yield from _build_stack(settings, cloud, ca)


def _build_stack(settings: Settings, cloud: PracticeCloud, ca: CA) -> Iterator[Stack]:
    with Store.open(settings) as store:
        stack = Stack(settings, store, cloud, ca)
        stack.add_account()
        yield stack
