"""Runs Temporal, its Web UI and a worker here. Called by `certroll up` and by the demo."""

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
from starter.temporal.client import EngineUnreachable, connect, count_workers, get_up_file
from starter.temporal.processes import (
    READY_WITHIN,
    Child,
    find_free_port,
    start_temporal,
    start_worker,
)
from storage.settings import Settings
from storage.store import Store

MAX_RESTART_PAUSE = 30.0


class Embedded:
    """The server and the worker, started in this order and stopped in reverse."""

    def __init__(self, settings: Settings, port: int, web_port: int) -> None:
        self.settings = settings
        self.port, self.web_port = find_free_port(port), find_free_port(web_port)
        self.address = f"127.0.0.1:{self.port}"
        self.web = f"http://127.0.0.1:{self.web_port}"
        self.temporal: Child | None = None
        self.worker: Child | None = None
        self._restart_pause = 1.0

    def start(self) -> None:
        """Migrates the database and starts both; returns when the worker polls for work."""
        home = self.settings.home
        Store.open(self.settings, migrate=True).close()
        self.temporal = start_temporal(home, self.port, self.web_port)
        self._write_addresses()
        self.worker = start_worker(home, self.address)
        asyncio.run(self._until_worker_polls(self.worker))

    def restart_ended(self) -> str | None:
        """Restarts a process that has ended and says which. Call it about once a second."""
        if self.temporal and not self.temporal.is_running:
            self.temporal = start_temporal(self.settings.home, self.port, self.web_port)
            return "Temporal had ended and was started again"
        if self.worker and not self.worker.is_running:
            time.sleep(self._restart_pause)
            self._restart_pause = min(self._restart_pause * 2, MAX_RESTART_PAUSE)
            self.worker = start_worker(self.settings.home, self.address)
            return f"the worker had ended and was started again, see {self.worker.log}"
        return None

    def stop(self) -> None:
        """Stops the worker, then the server; tasks go on after the next start."""
        for child in (self.worker, self.temporal):
            if child:
                child.stop()
        get_up_file(self.settings).unlink(missing_ok=True)

    def _write_addresses(self) -> None:
        path = get_up_file(self.settings)
        fresh = path.with_suffix(".new")
        fresh.write_text(
            json.dumps({"temporal": self.address, "web": self.web, "pid": os.getpid()})
        )
        fresh.replace(path)

    async def _until_worker_polls(self, worker: Child) -> None:
        settings = self.settings.model_copy(update={"temporal_address": self.address})
        deadline = time.monotonic() + READY_WITHIN
        while time.monotonic() < deadline:
            if not worker.is_running:
                raise worker.build_exit_error()
            with contextlib.suppress(EngineUnreachable, RPCError):
                if await count_workers(await connect(settings)):
                    return
            await asyncio.sleep(0.1)
        raise CertrollError(f"the worker does not poll for work; see {worker.log}")


@contextlib.contextmanager
def lock_home(home: Path) -> Iterator[None]:
    """Locks the home folder for this process; BadInput if another process has it."""
    lock: IO[str]
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                "another `certroll up` runs with this home folder",
                code="already-running",
                where=str(home),
                fix="Stop it, or choose another folder with CERTROLL_HOME.",
            ) from None
        yield
