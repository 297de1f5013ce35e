"""Defines the tables of locks and of rate budgets, for `storage.coordination`."""

from sqlmodel import Field

from storage.tables.core import Row


class LockRow(Row, table=True):
    """A lock: `holder` has it until `until`. `token` names the holder's attempt that has it.

    `until` and `renewed_at` are seconds of the shared clock (`storage.coordination.clock`).
    """

    __tablename__ = "lock"

    name: str = Field(primary_key=True)
    holder: str
    token: str
    until: float
    renewed_at: float


class RateBudgetRow(Row, table=True):
    """The next permits of one rate limit, in seconds of the shared clock.

    The next call may be made at `next_at`. `issued_at` is when the last permits were issued.
    """

    __tablename__ = "rate_budget"

    name: str = Field(primary_key=True)
    next_at: float
    issued_at: float
