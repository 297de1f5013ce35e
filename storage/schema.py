"""Migrates the schema of the database to the version of this code; `Database` calls it."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from domain.errors import BadInput

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x63657274  # "cert": on PostgreSQL one migration runs at a time


def build_config(connection: Connection | None = None, scripts: Path = SCRIPTS) -> Config:
    """Alembic's configuration, without a file so that it works in any folder."""
    configuration = Config()
    configuration.set_main_option("script_location", str(scripts).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes["connection"] = connection
    return configuration


def upgrade(connection: Connection, scripts: Path = SCRIPTS) -> None:
    """Runs all pending migrations in the transaction of `connection`."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    list_pending(connection, scripts)
    command.upgrade(build_config(connection, scripts), "head")
    if not postgresql:
        _check_references(connection)


def list_pending(connection: Connection, scripts: Path = SCRIPTS) -> list[str]:
    """The pending revisions, oldest first; raises `BadInput` if the schema is too new."""
    script = ScriptDirectory.from_config(build_config(scripts=scripts))
    known = [revision.revision for revision in script.walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return known[::-1]
    if current not in known:
        raise BadInput(
            f"a newer version of certroll has migrated the schema to {current}",
            where="database",
            fix="Install that version or a later one.",
            code="schema-too-new",
        )
    return known[: known.index(current)][::-1]


def _check_references(connection: Connection) -> None:
    """Finds broken foreign keys: SQLite does not check them while a migration rebuilds tables."""
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        tables = sorted({row[0] for row in broken})
        raise RuntimeError(f"a migration broke foreign keys of the tables {', '.join(tables)}")
