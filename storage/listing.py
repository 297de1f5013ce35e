"""Runs queries with a limit and counts all their rows, for the inventory and the expiry view."""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from sqlalchemy import func, select
from sqlmodel import Session

T = TypeVar("T")


class Listed(NamedTuple, Generic[T]):
    """The first rows of a list, and how many rows there are in all."""

    rows: list[T]
    total: int


def fetch_first(session: Session, query: Any, limit: int | None) -> tuple[Sequence[Any], int]:
    """The first rows and the number of all rows; counts only if the limit cuts some off."""
    rows = session.execute(query.limit(limit)).all()
    return rows, count_rows(session, query) if len(rows) == limit else len(rows)


def count_rows(session: Session, query: Any) -> int:
    """The number of rows of a query."""
    counted: int = session.execute(
        select(func.count()).select_from(query.order_by(None).subquery())
    ).scalar_one()
    return counted
