"""All processes of one installation and the networks between them; each can be made to fail."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pydantic import SecretStr
from temporalio.client import Client

from domain.resources.account import Account
from starter.temporal.client import connect
from starter.temporal.processes import Child, find_free_port, start_temporal
from storage.settings import Settings
from storage.store import Store
from tests.chaos.clock import Clock
from tests.chaos.disk import Disk
from tests.chaos.postgresql import Postgresql
from tests.chaos.proxy import Proxy
from tests.support.all_services_stack import AllServicesStack
from tests.support.factory import CA
from tests.support.practice_cloud import PracticeCloud
from tests.support.stack import ACCOUNT

FAST = 10_000.0  # calls per second
PROPAGATION = 6.0  # seconds until a handshake has to show what the service has accepted


@dataclass
class Worker:
    """One worker, the network between it and the server, and its clock."""

    number: int
    network: Proxy
    clock: Clock
    child: Child | None = None
    code: Path | None = None  # the folder of another release


@dataclass
class Site:
    """All processes. A killed process starts again with the same state."""

    disk: Disk
    settings: Settings
    stack: AllServicesStack
    cloud: PracticeCloud
    ports: tuple[int, int]
    to_cloud: Proxy
    to_edge: Proxy
    postgresql: Postgresql | None
    worker_database: str | None
    clocks_jump: bool = False
    workers: list[Worker] = field(default_factory=list)
    temporal: Child | None = None
    cloud_faults: list[Callable[[], object]] = field(default_factory=list)
    starting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def address(self) -> str:
        """The address of the Temporal server, without a proxy: for clients."""
        return f"127.0.0.1:{self.ports[0]}"

    async def client(self) -> Client:
        """A new connection to the Temporal server."""
        return await connect(self.settings.model_copy(update={"temporal_address": self.address}))

    def start_temporal(self) -> None:
        """Start the server if it does not run, on the same port and the same file."""
        if self.temporal is None or not self.temporal.is_running:
            self.temporal = start_temporal(self.settings.home, *self.ports)

    def add_worker(self, code: Path | None = None) -> Worker:
        """Start one more worker; `code` is the folder of another release, None means this one."""
        number = len(self.workers)
        clock = Clock(self.settings.home / f"clock-{number}")
        worker = Worker(number, Proxy(self.ports[0]), clock, code=code)
        self.workers.append(worker)
        self.start_worker(worker)
        return worker

    def start_worker(self, worker: Worker) -> None:
        """Start the worker if it does not run."""
        if worker.child is not None and worker.child.is_running:
            return
        env = {
            "CERTROLL_HOME": str(self.settings.home),
            "CERTROLL_TEMPORAL_ADDRESS": worker.network.address,
            "CERTROLL_SYNC_EVERY": "off",
            **(worker.clock.env if self.clocks_jump else {}),
        }
        if self.worker_database:
            env["CERTROLL_DATABASE_URL"] = self.worker_database
        command = [sys.executable, "-m", "worker"]
        if worker.code is not None:
            env["PYTHONPATH"] = str(worker.code)
            command = [sys.executable, "-P", "-m", "worker"]
        log = self.settings.home / "logs" / f"worker-{worker.number}.log"
        worker.child = Child(f"worker {worker.number}", command, log=log, env=env)

    def kill_worker(self, worker: Worker) -> None:
        _kill(worker.child)

    def kill_temporal(self) -> None:
        _kill(self.temporal)

    def pids(self) -> list[int]:
        """The process ids of the server and all workers that run."""
        children = (self.temporal, *(worker.child for worker in self.workers))
        return [child.process.pid for child in children if child is not None and child.is_running]

    def restart_stopped(self) -> None:
        """Start each process that was killed or has ended, with the same state."""
        if self.postgresql is not None:
            self.postgresql.start()
        with self.starting:
            if not self.cloud.is_running:
                self.cloud.start()
                for add_again in self.cloud_faults:
                    add_again()
            self.start_temporal()
            for worker in self.workers:
                self.start_worker(worker)

    def stop(self) -> None:
        for child in (*(worker.child for worker in self.workers), self.temporal):
            _kill(child)
        for network in (self.to_cloud, self.to_edge, *(w.network for w in self.workers)):
            network.close()


@contextmanager
def running_site(
    folder: Path,
    ca: CA,
    *,
    scale: int,
    workers: int = 1,
    postgresql: Postgresql | None = None,
    mount: bool = False,
    clocks_jump: bool = False,
    seed: int = 0,
) -> Iterator[Site]:
    """A running site; on SQLite unless a PostgreSQL server is given."""
    disk = Disk(folder / "home", mount=mount)
    (folder / "cloud").mkdir()
    name = postgresql.create() if postgresql else None
    url = postgresql.url(name) if postgresql and name else None
    settings = Settings(home=disk.folder, database_url=None if url is None else SecretStr(url))
    cloud = PracticeCloud(folder / "cloud", propagation=0.2, record=False, scale=scale, seed=seed)
    with contextlib.ExitStack() as closing:
        closing.callback(disk.close)
        if postgresql and name:
            closing.callback(postgresql.drop, name)
        closing.enter_context(cloud)
        store = closing.enter_context(Store.open(settings, migrate=postgresql is None))
        stack = AllServicesStack(settings, store, cloud, ca)
        site = Site(
            disk=disk,
            settings=settings,
            stack=stack,
            cloud=cloud,
            ports=(find_free_port(), find_free_port()),
            to_cloud=Proxy(_port(cloud.endpoint)),
            to_edge=Proxy(_port(cloud.edge)),
            postgresql=postgresql,
            clocks_jump=clocks_jump,
            worker_database=postgresql.url(name, direct=False) if postgresql and name else None,
        )
        closing.callback(site.stop)
        _add_account(site)
        site.start_temporal()
        for _ in range(workers):
            site.add_worker()
        yield site


def _add_account(site: Site) -> None:
    """Add the account whose API and edge are reached through the proxies."""
    known = {**site.cloud.account, "endpoint": f"http://{site.to_cloud.address}"}
    known["read_timeout"] = "3"
    secret = known.pop("access_key_secret")
    site.stack.key_id = known["access_key_id"]
    account = Account(
        name=ACCOUNT,
        provider="alibaba",
        settings=known,
        probe_address=site.to_edge.address,
        propagation_seconds=PROPAGATION,
        calls_per_second=FAST,
        created_at=datetime.now(UTC),
    )
    site.stack.store.accounts.add(account, {"access_key_secret": secret})


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _kill(child: Child | None) -> None:
    """Kill the process, stopped or not, and all its children."""
    if child is None or not child.is_running:
        return
    for each in psutil.Process(child.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    child.process.kill()
    child.process.wait()
