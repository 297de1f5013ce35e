"""Which version the schema has, and how it becomes the one that this code needs."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from domain.errors import BadInput

SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x63657274  # "cert": one migration at a time on PostgreSQL


def config(connection: Connection | None = None, scripts: Path = SCRIPTS) -> Config:
    """Alembic's configuration without a file, so that it works from wherever it is installed."""
    made = Config()
    made.set_main_option("script_location", str(scripts).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, scripts: Path = SCRIPTS) -> None:
    """Runs every pending migration within the transaction that `connection` is in."""
    postgresql = connection.dialect.name == "postgresql"
    if postgresql:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    pending(connection, scripts)
    command.upgrade(config(connection, scripts), "head")
    if not postgresql:
        _check_references(connection)


def pending(connection: Connection, scripts: Path = SCRIPTS) -> list[str]:
    """Revisions still to run, oldest first; `BadInput` if the database knows more than we do."""
    script = ScriptDirectory.from_config(config(scripts=scripts))
    known = [revision.revision for revision in script.walk_revisions()]
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return known[::-1]
    if current not in known:
        raise BadInput(
            f"the schema {current} was made by a newer version of certroll",
            where="database",
            fix="Install that version, or a later one.",
        )
    return known[: known.index(current)][::-1]


def _check_references(connection: Connection) -> None:
    """SQLite rebuilds tables with foreign keys off; what they would have refused shows here."""
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        tables = sorted({row[0] for row in broken})
        raise RuntimeError(f"a migration left rows without their parents in {', '.join(tables)}")
