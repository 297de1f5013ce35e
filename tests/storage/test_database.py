"""Transactions: whole or not at all, none lost, on both kinds of database."""

import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from storage.database import Database
from storage.statements import get_table
from storage.tables.core import ContactRow
from tests.chaos.proxy import Proxy


def contact(name: str, shown: str = "0", sealed: bytes = b"") -> ContactRow:
    return ContactRow(name=name, kind="mail", redacted_address=shown, sealed=sealed)


def shown(session: Session) -> list[str]:
    return list(session.exec(select(ContactRow.redacted_address).order_by(col(ContactRow.name))))


def _add_and_fail(database: Database) -> None:
    with database.write() as session:
        session.add(contact("lost"))
        session.flush()
        _ = 1 / 0


def _delete_and_fail(database: Database) -> None:
    with database.statements() as connection:
        connection.execute(text("DELETE FROM contact"))
        _ = 1 / 0


def test_a_write_is_committed_and_a_failed_one_is_rolled_back(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as session:
        session.add(contact("kept"))
    for fail in (_add_and_fail, _delete_and_fail):
        with pytest.raises(ZeroDivisionError):
            fail(database)
    with database.read() as session:
        session.add(contact("not written"))
        session.flush()
    with database.read() as session:
        assert shown(session) == ["0"]
    database.dispose()


def test_a_read_sees_one_state_while_another_writes(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.read() as session:
        assert shown(session) == []
        with database.write() as writer:
            writer.add(contact("new"))
        assert shown(session) == []
    database.dispose()


def increment(database: Database, _: int) -> None:
    with database.write() as session:
        query = select(ContactRow).where(col(ContactRow.name) == "counter").with_for_update()
        row = session.exec(query).one()
        row.redacted_address = str(int(row.redacted_address) + 1)


def test_no_update_is_lost_between_threads(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as session:
        session.add(contact("counter"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: increment(database, number), range(200)))
    with database.read() as session:
        assert shown(session) == ["200"]
    database.dispose()


def test_no_update_is_lost_between_processes(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.write() as session:
        session.add(contact("counter"))
    program = (
        "import sys; from storage.database import Database; "
        "from tests.storage.test_database import increment; database = Database(sys.argv[1]); "
        "[increment(database, number) for number in range(50)]"
    )
    other = subprocess.Popen([sys.executable, "-c", program, sqlite_url])
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        mine = [pool.submit(_until, database, stop) for _ in range(4)]
        try:
            assert other.wait(60) == 0
        finally:
            stop.set()
        total = 50 + sum(done.result() for done in mine)
    with database.read() as session:
        assert shown(session) == [str(total)]
    database.dispose()


def _until(database: Database, stop: threading.Event) -> int:
    done = 0
    while not stop.is_set():
        increment(database, done)
        done += 1
    return done


def test_only_the_owner_reads_the_files_of_sqlite(tmp_path: Path) -> None:
    home = tmp_path / "home"
    database = Database(f"sqlite:///{home / 'certroll.db'}")
    database.migrate()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    with database.write() as session:
        session.add(contact("any"))
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()}
    assert set(files) == {"certroll.db", "certroll.db-wal", "certroll.db-shm"}
    assert set(files.values()) == {0o600}
    database.dispose()


def test_sqlite_is_durable_and_keeps_references(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    with database.read() as session:
        found = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 30000,
    }
    database.dispose()


ADD = get_table(ContactRow).insert()


def add(database: Database, name: str) -> None:
    with database.statements() as connection:
        connection.execute(ADD, contact(name).model_dump())


def names(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.exec(select(ContactRow.name)))


def _add_together_and_fail(database: Database, name: str, then: Callable[[], None]) -> None:
    with database.one_transaction():
        add(database, name)
        then()
        raise ZeroDivisionError


def test_the_statements_of_one_transaction_commit_or_roll_back_together(database_url: str) -> None:
    database = Database(database_url)
    with database.one_transaction():
        add(database, "one")
        add(database, "two")
        assert names(database) == set(), "not before the end"
    with pytest.raises(ZeroDivisionError):
        _add_together_and_fail(database, "three", lambda: None)
    assert names(database) == {"one", "two"}
    add(database, "alone")
    assert names(database) == {"one", "two", "alone"}
    database.dispose()


def test_what_is_together_in_one_thread_leaves_others_alone(database_url: str) -> None:
    database = Database(database_url)
    begun, ended = threading.Event(), threading.Event()

    def other() -> None:
        begun.wait()
        add(database, "other")
        ended.set()

    def meanwhile() -> None:
        begun.set()
        if not database.is_sqlite:  # where the other one waits for its turn
            ended.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    with pytest.raises(ZeroDivisionError):
        _add_together_and_fail(database, "mine", meanwhile)
    thread.join()
    assert names(database) == {"other"}
    database.dispose()


def test_an_error_does_not_repeat_the_parameters(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(DBAPIError) as failed, database.write() as session:
        session.add_all([contact("same", sealed=b"hidden-word") for _ in range(2)])
    assert "hidden-word" not in str(failed.value)
    assert b"hidden-word".hex() not in str(failed.value)
    database.dispose()


def test_the_url_for_people_has_no_password() -> None:
    database = Database("postgresql+psycopg://me:hidden-word@db/x?password=hidden-word&host=h")
    assert database.redacted_url == "postgresql+psycopg://me:***@db/x?host=h"


def test_a_server_that_vanished_is_noticed_within_half_a_minute(postgresql_url: str) -> None:
    """The system's own defaults would have it two hours; what the URL says holds first."""
    url = make_url(postgresql_url)
    folder = str(url.query["host"])
    with closing(Proxy(Path(folder) / ".s.PGSQL.5432")) as network:
        reached = url.set(host="127.0.0.1", port=network.port, query={"keepalives_count": "7"})
        database = Database(reached.render_as_string(hide_password=False))
        with database.read() as session:
            driver = session.connection().connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            with socket.socket(fileno=os.dup(driver.fileno())) as its:
                assert its.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert its.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 7
                if sys.platform == "linux":
                    assert its.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
                    assert its.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 5
                    assert its.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        database.dispose()
