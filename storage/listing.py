"""Lists that are cut off, and how long they would be."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import func, select
from sqlmodel import Session

T = TypeVar("T")


class Listed(NamedTuple, Generic[T]):
    """The first ones, and how many there are altogether."""

    rows: list[T]
    total: int


def first(session: Session, query: Any, limit: int | None) -> tuple[Sequence[Any], int]:
    """The first rows and how many there are; only where some are left out are they counted."""
    rows = session.execute(query.limit(limit)).all()
    return rows, count(session, query) if len(rows) == limit else len(rows)


def count(session: Session, query: Any) -> int:
    """How many rows the query has."""
    counted: int = session.execute(
        select(func.count()).select_from(query.order_by(None).subquery())
    ).scalar_one()
    return counted
