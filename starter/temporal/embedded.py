"""Everything on this machine: Temporal with its Web UI and a worker, kept running until stopped."""

import asyncio
import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from temporalio.service import RPCError

from domain.errors import BadInput, CertrollError
from starter.temporal.client import EngineUnreachable, connect, up_file, workers
from starter.temporal.processes import READY_WITHIN, Child, free_port, start_temporal, start_worker
from storage.settings import Settings
from storage.store import Store

LONGEST_REST = 30.0


class Embedded:
    """The two processes, started in order and stopped in reverse."""

    def __init__(self, settings: Settings, port: int, web_port: int) -> None:
        self.settings = settings
        self.port, self.web_port = free_port(port), free_port(web_port)
        self.address = f"127.0.0.1:{self.port}"
        self.web = f"http://127.0.0.1:{self.web_port}"
        self.temporal: Child | None = None
        self.worker: Child | None = None
        self._rest = 1.0

    def start(self) -> None:
        """Migrates the database, starts both, returns when the worker takes work."""
        home = self.settings.home
        Store.open(self.settings, migrate=True).close()
        self.temporal = start_temporal(home, self.port, self.web_port)
        self._write_addresses()
        self.worker = start_worker(home, self.address)
        asyncio.run(self._until_worker_polls(self.worker))

    def tend(self) -> str | None:
        """Starts again what has ended; says what it did. Call it about once a second."""
        if self.temporal and not self.temporal.running:
            self.temporal = start_temporal(self.settings.home, self.port, self.web_port)
            return "Temporal had ended and was started again"
        if self.worker and not self.worker.running:
            time.sleep(self._rest)
            self._rest = min(self._rest * 2, LONGEST_REST)
            self.worker = start_worker(self.settings.home, self.address)
            return f"the worker had ended and was started again, see {self.worker.log}"
        return None

    def stop(self) -> None:
        """Stops the worker, then the server; nothing that was begun is lost."""
        for child in (self.worker, self.temporal):
            if child:
                child.stop()
        up_file(self.settings).unlink(missing_ok=True)

    def _write_addresses(self) -> None:
        path = up_file(self.settings)
        fresh = path.with_suffix(".new")
        fresh.write_text(
            json.dumps({"temporal": self.address, "web": self.web, "pid": os.getpid()})
        )
        fresh.replace(path)

    async def _until_worker_polls(self, worker: Child) -> None:
        settings = self.settings.model_copy(update={"temporal_address": self.address})
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if not worker.running:
                raise worker.failed()
            with contextlib.suppress(EngineUnreachable, RPCError):
                if await workers(await connect(settings)):
                    return
            await asyncio.sleep(0.1)
        raise CertrollError(f"the worker takes no work; see {worker.log}")


@contextlib.contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Holds the home folder for this process; a second one is refused."""
    lock: IO[str]
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                "another `certroll up` runs with this home folder",
                where=str(home),
                fix="Stop it, or choose another folder with CERTROLL_HOME.",
            ) from None
        yield
