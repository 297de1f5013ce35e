"""Taking turns across all workers: locks that expire, and budgets of calls per second.

Both go by the workers' clocks: keep them within a second of each other, as any server's are.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, case, delete, literal, or_, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Database
from storage.statements import table
from storage.turn_tables import BudgetRow, LockRow

_LOCK, _BUDGET = table(LockRow), table(BudgetRow)

SKEW = 2.0
"""Seconds that two right clocks may differ by."""


class Locks:
    """One holder per name, and of that one attempt at a time, told apart by `token`.

    A holder that is killed loses its lock when the time is up. A later attempt of the same holder
    may take it over at once, and what the former one does with it from then on has no effect.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, holder: str, token: str, now: datetime, last: timedelta) -> bool:
        """Whether the attempt has it now: it was free, had expired, or was its own already."""
        values = {"name": name, "holder": holder, "token": token, "until": now + last}
        free = or_(_LOCK.c.token == token, _LOCK.c.until < now)
        with self._database.statements() as connection:
            taking = _insert(connection, _LOCK).values(values)
            statement = taking.on_conflict_do_update(
                index_elements=[_LOCK.c.name], set_=values, where=free
            ).returning(_LOCK.c.name)
            return connection.execute(statement).first() is not None

    def take_over(self, name: str, holder: str, token: str, now: datetime, last: timedelta) -> bool:
        """Whether an attempt of `holder` has it: then this one has it from now on."""
        return self._change(name, _LOCK.c.holder == holder, token=token, until=now + last)

    def keep(self, name: str, token: str, now: datetime, last: timedelta) -> bool:
        """Whether the attempt still has it; if so, from now on for as long as `last`."""
        return self._change(name, _LOCK.c.token == token, until=now + last)

    def _change(self, name: str, held: ColumnElement[bool], **values: object) -> bool:
        changed = update(_LOCK).where(_LOCK.c.name == name, held).values(**values)
        with self._database.statements() as connection:
            return connection.execute(changed).rowcount == 1

    def give_back(self, name: str, token: str) -> None:
        """Frees it, if the attempt still has it."""
        mine = (_LOCK.c.name == name) & (_LOCK.c.token == token)
        with self._database.statements() as connection:
            connection.execute(delete(_LOCK).where(mine))


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


def _insert(connection: Connection, target: Table) -> Any:
    """SQLite and PostgreSQL spell the same upsert, in classes that know nothing of each other."""
    on_sqlite = connection.dialect.name == "sqlite"
    return sqlite.insert(target) if on_sqlite else postgresql.insert(target)
