"""Opens the database, SQLite or PostgreSQL, and runs transactions for all of storage."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlmodel import Session

from storage import schema
from storage.files import create_private_file

_PUBLIC_OPTIONS = ("host", "port", "sslmode")
_BUSY_MILLISECONDS = 30_000

# A server whose host or network fails closes no connection. These options detect that after about
# 30 seconds; the default of an operating system is two hours.
_CONNECTION_TIMEOUTS = {
    "connect_timeout": 10,  # seconds, as all but the last
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}


class Database:
    """The database of one process; threads may share it.

    A write is one short transaction: call nothing outside within it, and do not nest two.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = (
            _sqlite_engine(self._url) if self.is_sqlite else _postgresql_engine(self._url)
        )
        self._writer = self._engine.execution_options(write=True)
        # SQLite allows one writer at a time, and a connection that must wait sleeps up to 0.1 s
        # between attempts. With a lock the threads of one process continue at once.
        self._write_lock = threading.RLock() if self.is_sqlite else nullcontext()
        self._shared = threading.local()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that reads one state of the database. It does not commit."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, and rolls back if an exception leaves it."""
        with self._write_lock, Session(self._writer, autoflush=False) as session:
            yield session
            session.commit()

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """Like `write`, but a plain connection: it costs a quarter of a session.

        Within `one_transaction` all calls share one transaction.
        """
        shared: Connection | None = getattr(self._shared, "connection", None)
        if shared is not None:
            yield shared
            return
        with self._write_lock, self._writer.begin() as connection:
            yield connection

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Makes all `statements` of this thread one transaction, to wait for one commit only.

        An exception that leaves the block rolls all of it back. No `write` may be within.
        """
        with self.statements() as connection:
            self._shared.connection = connection
            try:
                yield
            finally:
                self._shared.connection = None

    def migrate(self, scripts: Path = schema.SCRIPTS) -> None:
        """Migrates the schema to the version of this code, in one transaction.

        On SQLite foreign keys are off meanwhile: a migration rebuilds a table there, and dropping
        the former table would delete all rows that refer to it.
        """
        engine = _sqlite_engine(self._url, foreign_keys=False) if self.is_sqlite else self._engine
        with engine.execution_options(write=True).begin() as connection:
            schema.upgrade(connection, scripts)
        if self.is_sqlite:
            engine.dispose()

    def pending_migrations(self) -> list[str]:
        """The pending migrations, oldest first; raises `BadInput` if the schema is too new."""
        with self._engine.connect() as connection:
            return schema.list_pending(connection)

    def erase_leftovers(self) -> None:
        """Removes overwritten data from SQLite's write-ahead log, as far as readers allow."""
        if self.is_sqlite:
            with self._write_lock, self._engine.connect() as connection:
                driver = connection.connection.dbapi_connection
                if driver is not None:
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def dispose(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @property
    def redacted_url(self) -> str:
        """The URL for messages and logs: without the password, and with harmless options only."""
        options = {key: value for key, value in self._url.query.items() if key in _PUBLIC_OPTIONS}
        return self._url.set(query=options).render_as_string(hide_password=True)


def _sqlite_engine(url: URL, *, foreign_keys: bool = True) -> Engine:
    """An engine with durable transactions, on a file that only its owner can read.

    It uses synchronous=FULL: in WAL mode, NORMAL can lose the last commits at a power failure. But
    a rollback relies on the record that a resource may have changed, written just before the call
    that changes it, and an outcome whose activity has completed is never written again. FULL costs
    one more fsync per commit.
    """
    path = Path(url.database or "")
    create_private_file(path, _make_wal)
    path.chmod(0o600)  # SQLite gives its log files the same mode
    engine = create_engine(url, hide_parameters=True, pool_size=8, max_overflow=0, pool_timeout=60)
    pragmas = (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        "secure_delete=ON",  # erase secrets sealed with a former key from free pages
    )

    @event.listens_for(engine, "connect")
    def _connect(driver: sqlite3.Connection, _record: Any) -> None:
        driver.isolation_level = None  # the driver's own BEGIN is deferred and can lose updates
        for pragma in pragmas:
            driver.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    """An engine with at most 20 connections. `pool_pre_ping` survives a restart of the server.

    Options in the URL take precedence over those here.
    """
    return create_engine(
        url,
        connect_args={k: v for k, v in _CONNECTION_TIMEOUTS.items() if k not in url.query},
        hide_parameters=True,
        pool_size=10,
        max_overflow=10,
        pool_timeout=60,
        pool_pre_ping=True,
    )


def _make_wal(path: Path) -> None:
    """Sets the WAL mode while nobody shares the file: on a busy file that fails without waiting."""
    driver = sqlite3.connect(path)
    driver.execute("PRAGMA journal_mode=WAL")
    driver.close()
