"""One database, SQLite or PostgreSQL: how a transaction begins, and for how long it may wait."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlmodel import Session

from storage import schema
from storage.files import create_once

_SHOWN = ("host", "port", "sslmode")
_BUSY_MILLISECONDS = 30_000

# A server that vanishes with its host or its network says nothing: who waits for it learns of that
# after some 30 seconds, and not after the two hours that are an operating system's default.
_NOTICED_WHEN_GONE = {
    "connect_timeout": 10,  # seconds, as all but the last
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}


class Database:
    """Sessions for reading and for writing; may be shared between threads.

    A write is one short transaction: make no call to the outside inside it, and do not nest two.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self.sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(self._url) if self.sqlite else _postgresql_engine(self._url)
        self._writer = self._engine.execution_options(write=True)
        # SQLite takes one writer at a time, and a connection that finds it busy sleeps up to 0.1 s
        # before it looks again. Threads of one process queue here instead, and go at once.
        self._turn = threading.RLock() if self.sqlite else nullcontext()
        self._joint = threading.local()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database; nothing is kept of what it writes."""
        with Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits at the end, or keeps nothing when an exception leaves it."""
        with self._turn, Session(self._writer, autoflush=False) as session:
            yield session
            session.commit()

    @contextmanager
    def statements(self) -> Iterator[Connection]:
        """Like `write`, but without a session around it: a quarter of its cost per transaction.

        Within `together` all of them are one transaction.
        """
        joint: Connection | None = getattr(self._joint, "connection", None)
        if joint is not None:
            yield joint
            return
        with self._turn, self._writer.begin() as connection:
            yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """Makes one transaction of all `statements` of this thread within it.

        So one is waited for, and not one for each. An exception that leaves it keeps nothing of
        it; no `write` may lie within.
        """
        with self.statements() as connection:
            self._joint.connection = connection
            try:
                yield
            finally:
                self._joint.connection = None

    def migrate(self, scripts: Path = schema.SCRIPTS) -> None:
        """Brings the schema up to this version of the code: all of it or nothing.

        On SQLite with foreign keys off: a table that is changed is rebuilt there, and dropping
        the former one would delete all rows that refer to it.
        """
        engine = _sqlite_engine(self._url, foreign_keys=False) if self.sqlite else self._engine
        with engine.execution_options(write=True).begin() as connection:
            schema.upgrade(connection, scripts)
        if self.sqlite:
            engine.dispose()

    def pending_migrations(self) -> list[str]:
        """Migrations still to run, oldest first; `BadInput` if the schema is a newer one."""
        with self._engine.connect() as connection:
            return schema.pending(connection)

    def erase_leftovers(self) -> None:
        """Removes what was overwritten from SQLite's write-ahead log, as far as readers allow."""
        if self.sqlite:
            with self._turn, self._engine.connect() as connection:
                driver = connection.connection.dbapi_connection
                if driver is not None:
                    driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def dispose(self) -> None:
        """Closes all connections."""
        self._engine.dispose()

    @property
    def redacted_url(self) -> str:
        """The URL for people and logs: without password, options only as far as harmless."""
        shown = {key: value for key, value in self._url.query.items() if key in _SHOWN}
        return self._url.set(query=shown).render_as_string(hide_password=True)


def _sqlite_engine(url: URL, *, foreign_keys: bool = True) -> Engine:
    """Durable transactions on a file that only its owner reads.

    synchronous=FULL and not NORMAL: in WAL mode NORMAL may lose the last commits when the power
    fails. "This resource may have been changed" is written just before the call that changes it,
    and a rollback trusts it; an outcome whose activity has completed is never delivered again.
    One more fsync per commit buys both.
    """
    path = Path(url.database or "")
    create_once(path, _make_wal)
    path.chmod(0o600)  # the log files beside it take over this mode
    engine = create_engine(url, hide_parameters=True, pool_size=8, max_overflow=0, pool_timeout=60)
    pragmas = (
        f"busy_timeout={_BUSY_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        "secure_delete=ON",  # what was sealed with a former key does not linger in free pages
    )

    @event.listens_for(engine, "connect")
    def _connect(driver: sqlite3.Connection, _record: Any) -> None:
        driver.isolation_level = None  # the driver's own BEGIN is deferred, and loses updates
        for pragma in pragmas:
            driver.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql_engine(url: URL) -> Engine:
    """`pool_pre_ping` outlives a restart of the server; the pool bounds connections per process.

    What the URL says of connections holds before what is said here.
    """
    return create_engine(
        url,
        connect_args={k: v for k, v in _NOTICED_WHEN_GONE.items() if k not in url.query},
        hide_parameters=True,
        pool_size=10,
        max_overflow=10,
        pool_timeout=60,
        pool_pre_ping=True,
    )


def _make_wal(path: Path) -> None:
    """Before anyone shares the file: the switch fails at once, without waiting, if it is busy."""
    driver = sqlite3.connect(path)
    driver.execute("PRAGMA journal_mode=WAL")
    driver.close()
