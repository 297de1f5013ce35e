"""Migrations: there and back, without drift, whole or not at all."""

import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from domain.errors import BadInput
from domain.resources.resource import DiscoveredResource
from storage import schema
from storage.database import Database
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import NOW, build_account, build_resource

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import sys
import storage
from storage.settings import Settings
from storage.store import Store
assert storage.__file__.startswith(sys.argv[1]), storage.__file__
Store.open(Settings(home=sys.argv[1] + "/home"), migrate=True).close()
"""

HEAD = ScriptDirectory.from_config(schema.build_config()).get_current_head()
NEXT = '''"""The next one."""
from alembic import op
from tests.support.refusals import has_code
revision, down_revision = "next", "{head}"
def upgrade():
    op.execute("CREATE TABLE half (x INTEGER)")
    op.execute("UPDATE owner SET name = 'changed'")
    {then}
'''
REBUILD = """with op.batch_alter_table("account") as batch:
        batch.alter_column("provider", nullable=True)"""


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A copy of the migrations that a test may add to."""
    copy = tmp_path / "50% migrations"
    shutil.copytree(schema.SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def transaction(database: Database, action: str, target: str = "head") -> None:
    with database.write() as session:
        connection = session.connection()
        configuration = schema.build_config(connection)
        if action == "check":
            command.check(configuration)
        else:
            getattr(command, action)(configuration, target)


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_upgrade_downgrade_and_upgrade_leave_no_difference(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    assert database.pending_migrations()[-1] == HEAD
    database.migrate()
    assert database.pending_migrations() == []
    transaction(database, "check")
    transaction(database, "downgrade", "base")
    with database.read() as session:
        assert tables(session.connection()) == {"alembic_version"}
    database.migrate()
    transaction(database, "check")
    database.migrate()
    database.dispose()


def test_a_drift_would_be_noticed(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as session:
        session.execute(text("ALTER TABLE contact ADD COLUMN extra INTEGER"))
    with pytest.raises(Exception, match="extra"):
        transaction(database, "check")
    database.dispose()


def add_migration(scripts: Path, then: str = "") -> None:
    (scripts / "versions" / "next.py").write_text(NEXT.format(head=HEAD, then=then))


def test_a_failing_migration_leaves_nothing(database_url: str, scripts: Path) -> None:
    add_migration(scripts, "raise ZeroDivisionError")
    database = Database(database_url)
    with pytest.raises(ZeroDivisionError):
        database.migrate(scripts)
    with database.read() as session:
        assert "half" not in tables(session.connection())
        assert session.execute(text("SELECT name FROM owner")).scalar_one() == "default"
        assert schema.list_pending(session.connection(), scripts) == ["next"]
    database.dispose()


def test_a_newer_schema_is_refused(database_url: str, scripts: Path) -> None:
    add_migration(scripts)
    database = Database(database_url)
    database.migrate(scripts)
    with pytest.raises(BadInput, check=has_code("schema-too-new", "next")):
        database.pending_migrations()
    with pytest.raises(BadInput, check=has_code("schema-too-new")):
        database.migrate()
    database.dispose()


def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(store: Store, scripts: Path) -> None:
    store.accounts.add(build_account(), {})
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    add_migration(scripts, REBUILD)
    store.database.migrate(scripts)
    with store.database.read() as session:
        columns = inspect(session.connection()).get_columns("account")
    assert {one["name"] for one in columns if one["nullable"]} == {"provider"}
    assert store.accounts.list() == [build_account()]
    assert len(store.inventory.list()) == 1
    store.accounts.delete("main")
    assert store.inventory.list() == []


def test_a_migration_that_orphans_rows_is_refused(store: Store, scripts: Path) -> None:
    store.accounts.add(build_account(), {})
    store.inventory.upsert([DiscoveredResource(resource=build_resource())], NOW)
    add_migration(scripts, "op.execute(\"UPDATE account SET name = 'renamed'\")")
    with pytest.raises((RuntimeError, IntegrityError), match=r"resource|foreign key"):
        store.database.migrate(scripts)
    assert [one.name for one in store.accounts.list()] == ["main"]
    assert len(store.inventory.list()) == 1


def test_migrations_are_found_from_any_folder(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert not os.path.exists("alembic.ini")
    database = Database(empty_database_url)
    database.migrate()
    assert database.pending_migrations() == []
    database.dispose()


def test_many_may_migrate_at_once(empty_database_url: str) -> None:
    databases = [Database(empty_database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Database.migrate, databases))
    for database in databases:
        assert database.pending_migrations() == []
        database.dispose()


def test_a_wheel_brings_its_migrations(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    program = f"import sys; sys.path.insert(0, {str(installed)!r})\n{PROGRAM}"
    subprocess.run([sys.executable, "-c", program, str(installed)], cwd=tmp_path, check=True)
    assert (installed / "home" / "certroll.db").exists()
