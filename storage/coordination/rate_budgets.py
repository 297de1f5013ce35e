"""Rate budgets: the calls per second of an account and service, over all workers.

`operations.runtime` takes permits from them before it calls a provider.
"""

from sqlalchemy import case, literal

from storage.database import Database
from storage.statements import build_insert, get_table
from storage.tables.coordination import RateBudgetRow

_BUDGET = get_table(RateBudgetRow)

SKEW = 2.0
"""Seconds by which the clocks of two workers may differ."""


class RateBudgets:
    """Issues permits: times at which calls may be made, in order, each to one worker only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_permits(self, name: str, calls: int, seconds_each: float, now: float) -> float:
        """Takes `calls` permits, `seconds_each` apart; returns the time of the first."""
        length = calls * seconds_each
        return self._move(name, floor=now, length=length, now=now) - length

    def pause(self, name: str, until: float, now: float) -> None:
        """Issues no permit before `until`, since the provider asked for a pause."""
        self._move(name, floor=until, length=0.0, now=now)

    def _move(self, name: str, *, floor: float, length: float, now: float) -> float:
        """Moves the time of the next permit and returns it.

        A budget whose permits were issued in the future was moved by a clock that is ahead: it is
        ignored, so that nobody waits for it.
        """
        next_at, issued_at = _BUDGET.c.next_at, _BUDGET.c.issued_at
        start = case(((next_at > floor) & (issued_at <= now + SKEW), next_at), else_=literal(floor))
        with self._database.statements() as connection:
            first = {"name": name, "next_at": floor + length, "issued_at": now}
            statement = (
                build_insert(connection, _BUDGET)
                .values(first)
                .on_conflict_do_update(
                    index_elements=[_BUDGET.c.name],
                    set_={"next_at": start + length, "issued_at": now},
                )
                .returning(next_at)
            )
            return float(connection.execute(statement).scalar_one())
