"""Taking turns across all workers: locks that expire, and budgets of calls per second.

Both go by the workers' clocks: keep them within a second of each other, as any server's are.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, update

from storage.database import Database
from storage.statements import _insert, table
from storage.tables.coordination import LockRow

_LOCK = table(LockRow)


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
