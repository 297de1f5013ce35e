"""Statements that SQLite and PostgreSQL both know, but SQLAlchemy spells per dialect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def _insert(connection: Connection, target: Table) -> Any:
    """SQLite and PostgreSQL spell the same upsert, in classes that know nothing of each other."""
    on_sqlite = connection.dialect.name == "sqlite"
    return sqlite.insert(target) if on_sqlite else postgresql.insert(target)


T = TypeVar("T")

BATCH = 500
"""Rows per statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


def table(row: type[SQLModel]) -> Table:
    """The table of a row class."""
    return row.metadata.tables[str(row.__tablename__)]


def upsert(
    session: Session,
    row: type[SQLModel],
    values: Sequence[Mapping[str, Any]],
    update: Callable[[Any], Mapping[str, Any]],
) -> None:
    """Inserts `values`, or updates rows of the same primary key with what `update` answers.

    `update` is given the row that could not be inserted, as a collection of columns.
    """
    target = table(row)
    keys = list(target.primary_key.columns)
    insert: Callable[[Table], sqlite.Insert | postgresql.Insert] = (
        sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    )
    adding = insert(target).values(list(values))
    changed = update(adding.excluded)
    session.execute(adding.on_conflict_do_update(index_elements=keys, set_=changed))


def batches(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """`values` in lists of at most `size`."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
