"""Locks over all workers, which expire. `activities.locks` takes them around a change.

Times come from the workers' clocks: keep these within a second of each other.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, update

from storage.database import Database
from storage.statements import build_insert, get_table
from storage.tables.coordination import LockRow

_LOCK = get_table(LockRow)


class Locks:
    """One holder per name. Of the holder's attempts one at a time has the lock, known by `token`.

    The lock of a killed holder expires. A later attempt of the same holder may steal the lock at
    once; the former attempt can then neither renew nor release it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, name: str, holder: str, token: str, now: datetime, lease: timedelta) -> bool:
        """Takes a lock that is free, expired or the attempt's own; returns whether it did."""
        values = {"name": name, "holder": holder, "token": token, "until": now + lease}
        available = or_(_LOCK.c.token == token, _LOCK.c.until < now)
        with self._database.statements() as connection:
            insert = build_insert(connection, _LOCK).values(values)
            statement = insert.on_conflict_do_update(
                index_elements=[_LOCK.c.name], set_=values, where=available
            ).returning(_LOCK.c.name)
            return connection.execute(statement).first() is not None

    def steal(self, name: str, holder: str, token: str, now: datetime, lease: timedelta) -> bool:
        """Takes the lock from a former attempt of the same holder; returns whether it did."""
        return self._update(name, _LOCK.c.holder == holder, token=token, until=now + lease)

    def renew(self, name: str, token: str, now: datetime, lease: timedelta) -> bool:
        """Extends the lock to `lease` from now; False if the attempt has lost it."""
        return self._update(name, _LOCK.c.token == token, until=now + lease)

    def _update(self, name: str, condition: ColumnElement[bool], **values: object) -> bool:
        statement = update(_LOCK).where(_LOCK.c.name == name, condition).values(**values)
        with self._database.statements() as connection:
            return connection.execute(statement).rowcount == 1

    def release(self, name: str, token: str) -> None:
        """Frees the lock if the attempt still has it."""
        own = (_LOCK.c.name == name) & (_LOCK.c.token == token)
        with self._database.statements() as connection:
            connection.execute(delete(_LOCK).where(own))
