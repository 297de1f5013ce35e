"""Rate budgets: how many calls an account and service may make, over all workers."""

from sqlalchemy import case, literal

from storage.database import Database
from storage.statements import _insert, table
from storage.tables.coordination import BudgetRow

_BUDGET = table(BudgetRow)

SKEW = 2.0
"""Seconds that two right clocks may differ by."""


class Budgets:
    """Times at which calls may be made: handed out in order, each to one worker only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, calls: int, seconds_each: float, now: float) -> float:
        """The time (seconds since 1970) of the first of `calls` turns, `seconds_each` apart."""
        length = calls * seconds_each
        return self._move(name, floor=now, length=length, now=now) - length

    def hold(self, name: str, until: float, now: float) -> None:
        """Hands out no turn before `until`: the provider said when to come back."""
        self._move(name, floor=until, length=0.0, now=now)

    def _move(self, name: str, *, floor: float, length: float, now: float) -> float:
        """Where the turns now end.

        What was handed out at a time that is still to come was handed out by a clock that was
        ahead: it keeps nobody waiting.
        """
        there, handed_out = _BUDGET.c.next_at, _BUDGET.c.handed_out_at
        later = case(((there > floor) & (handed_out <= now + SKEW), there), else_=literal(floor))
        with self._database.statements() as connection:
            first = {"name": name, "next_at": floor + length, "handed_out_at": now}
            statement = (
                _insert(connection, _BUDGET)
                .values(first)
                .on_conflict_do_update(
                    index_elements=[_BUDGET.c.name],
                    set_={"next_at": later + length, "handed_out_at": now},
                )
                .returning(there)
            )
            return float(connection.execute(statement).scalar_one())
