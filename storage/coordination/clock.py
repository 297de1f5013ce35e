"""The one clock of locks and rate budgets, which all workers share. Both read it in each statement.

A worker's time of day may be wrong by hours. Nothing that one worker waits for because of another
may depend on it.
"""

import time
from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, Float, cast, func, literal

SharedClock = Callable[[Connection], ColumnElement[float]]
"""Builds the expression of the time now, in seconds."""


def read_shared_clock(connection: Connection) -> ColumnElement[float]:
    """Seconds of a clock that only its own restart sets back.

    PostgreSQL: the server's time of day, taken anew wherever the expression stands. A file of
    SQLite lies on one host: the time since it booted. Call it within the transaction, since what
    was read before a wait for the write lock is late.
    """
    if connection.dialect.name == "sqlite":
        return literal(_read_boot_time(), Float)
    return cast(func.extract("epoch", func.clock_timestamp()), Float)


def _read_boot_time() -> float:
    """Linux counts the time that a host sleeps in a clock of its own."""
    boot_time = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)
