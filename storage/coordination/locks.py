"""Locks over all workers, which expire. `operations.deployment` takes them around a change."""

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, delete, or_, update

from storage.coordination.clock import SharedClock, read_shared_clock
from storage.database import Database
from storage.statements import build_insert, get_table
from storage.tables.coordination import LockRow

_LOCK = get_table(LockRow)


class Locks:
    """One holder per name: a change, whose attempts are known by their `token`.

    The lock of a killed holder expires. A later attempt of the same holder may take the lock over
    at once; the former attempt can then neither renew nor release it.
    """

    def __init__(self, database: Database, clock: SharedClock = read_shared_clock) -> None:
        self._database, self._clock = database, clock

    def acquire(self, name: str, holder: str, token: str, lease: timedelta) -> bool:
        """Takes a lock that is free, has expired or is the attempt's own; returns whether it did.

        A lock that was renewed later than now is from before the clock restarted: it has expired.
        """
        with self._database.statements() as connection:
            now = self._clock(connection)
            values = {"holder": holder, "token": token, **self._build_times(connection, lease)}
            available = or_(_LOCK.c.token == token, _LOCK.c.until < now, _LOCK.c.renewed_at > now)
            statement = (
                build_insert(connection, _LOCK)
                .values({"name": name, **values})
                .on_conflict_do_update(index_elements=[_LOCK.c.name], set_=values, where=available)
                .returning(_LOCK.c.name)
            )
            return connection.execute(statement).first() is not None

    def take_over(self, name: str, holder: str, token: str, lease: timedelta) -> bool:
        """Takes the lock from a former attempt of the same holder; returns whether it did."""
        return self._update(name, _LOCK.c.holder == holder, lease, token=token)

    def renew(self, name: str, token: str, lease: timedelta) -> bool:
        """Extends the lock to `lease` from now; False if the attempt has lost it."""
        return self._update(name, _LOCK.c.token == token, lease)

    def release(self, name: str, token: str) -> None:
        """Frees the lock if the attempt still has it."""
        own = (_LOCK.c.name == name) & (_LOCK.c.token == token)
        with self._database.statements() as connection:
            connection.execute(delete(_LOCK).where(own))

    def _update(
        self, name: str, condition: ColumnElement[bool], lease: timedelta, **values: object
    ) -> bool:
        with self._database.statements() as connection:
            times = self._build_times(connection, lease)
            statement = update(_LOCK).where(_LOCK.c.name == name, condition)
            return connection.execute(statement.values(**values, **times)).rowcount == 1

    def _build_times(
        self, connection: Connection, lease: timedelta
    ) -> dict[str, ColumnElement[float]]:
        now = self._clock(connection)
        return {"renewed_at": now, "until": now + lease.total_seconds()}
