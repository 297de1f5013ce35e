"""Helpers for SQL statements, used by all of storage: upserts, batches, tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def build_insert(connection: Connection, target: Table) -> Any:
    """An INSERT that can become an upsert: SQLAlchemy has one class for each dialect."""
    on_sqlite = connection.dialect.name == "sqlite"
    return sqlite.insert(target) if on_sqlite else postgresql.insert(target)


T = TypeVar("T")

BATCH = 500
"""Rows per statement: SQLite takes 32,766 parameters, PostgreSQL 65,535."""


def get_table(row: type[SQLModel]) -> Table:
    """The table of a row class."""
    return row.metadata.tables[str(row.__tablename__)]


def upsert(
    session: Session,
    row: type[SQLModel],
    values: Sequence[Mapping[str, Any]],
    update: Callable[[Any], Mapping[str, Any]],
) -> None:
    """Inserts `values`; where the primary key exists, sets the values that `update` returns.

    `update` gets the row that could not be inserted, as a collection of columns.
    """
    target = get_table(row)
    keys = list(target.primary_key.columns)
    insert = build_insert(session.connection(), target).values(list(values))
    changes = update(insert.excluded)
    session.execute(insert.on_conflict_do_update(index_elements=keys, set_=changes))


def batches(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Splits `values` into lists of at most `size`."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch
