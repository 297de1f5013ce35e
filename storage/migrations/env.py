"""How Alembic runs a migration here: on the connection given to it, inside its transaction."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from storage.tables.coordination import LockRow
from storage.tables.evidence import HandshakeRow
from storage.tables.planning import SyncRow

# One of each file: what is imported is what Alembic compares.
TABLES = (HandshakeRow, LockRow, SyncRow)


def plain(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """A migration outlives the libraries of its day: it names SQLAlchemy's own types only."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """SQLite cannot alter much in place: there a changed table is rebuilt ("batch")."""
    context.configure(
        connection=connection,
        target_metadata=TABLES[0].metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=plain,
        transactional_ddl=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is None:
    raise RuntimeError("give a connection: storage.schema.config(connection)")
run(given)
