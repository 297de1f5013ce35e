"""Defines the tables of locks and of rate budgets, for `storage.coordination`."""

from datetime import datetime

from sqlmodel import Field

from storage.tables.core import Row


class LockRow(Row, table=True):
    """A lock: `holder` has it until `until`. `token` names the holder's attempt that has it."""

    __tablename__ = "lock"

    name: str = Field(primary_key=True)
    holder: str
    token: str
    until: datetime


class RateBudgetRow(Row, table=True):
    """The next permits of one rate limit. Times are in seconds since 1970.

    The next call may be made at `next_at`. `issued_at` is when the last permits were issued, by
    the clock of the worker that took them.
    """

    __tablename__ = "rate_budget"

    name: str = Field(primary_key=True)
    next_at: float
    issued_at: float
