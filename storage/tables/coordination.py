"""The tables of taking turns: locks, and budgets of calls per second."""

from datetime import datetime

from sqlmodel import Field

from storage.tables.core import Row


class LockRow(Row, table=True):
    """Who may change something that takes one change at a time, and until when.

    `token` is the attempt of `holder` that has it.
    """

    __tablename__ = "lock"

    name: str = Field(primary_key=True)
    holder: str
    token: str
    until: datetime


class BudgetRow(Row, table=True):
    """When the next call of an account to a service may be made, in seconds since 1970.

    `handed_out_at` is when the last turns were handed out, by the clock of who took them.
    """

    __tablename__ = "budget"

    name: str = Field(primary_key=True)
    next_at: float
    handed_out_at: float
