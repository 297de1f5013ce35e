"""What proves afterwards what was done: handshakes, and attempts that failed."""

from collections.abc import Iterable

from sqlalchemy import and_
from sqlmodel import col, select

from domain.tasks.evidence import FailedAttempt, Handshake
from storage.database import Database
from storage.statements import table
from storage.tables.evidence import AttemptRow, HandshakeRow

_ADD_HANDSHAKE, _ADD_ATTEMPT = table(HandshakeRow).insert(), table(AttemptRow).insert()


class Evidence:
    """Lines that are only ever added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_handshakes(self, seen: Iterable[Handshake]) -> None:
        """Keeps what endpoints showed."""
        if rows := [each.model_dump() for each in seen]:
            with self._database.statements() as connection:
                connection.execute(_ADD_HANDSHAKE, rows)

    def add_attempt(self, failed: FailedAttempt) -> None:
        """Keeps an attempt that failed."""
        row = {**failed.model_dump(mode="json"), "at": failed.at}
        with self._database.statements() as connection:
            connection.execute(_ADD_ATTEMPT, row)

    def handshakes(self, task_id: str) -> list[Handshake]:
        """Those of a task, oldest first."""
        query = select(HandshakeRow).where(col(HandshakeRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(HandshakeRow.id)))
            return [Handshake.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def of_change(self, task_id: str, ordinal: int) -> list[Handshake]:
        """Those of one change of a task, oldest first."""
        the_one = and_(col(HandshakeRow.task_id) == task_id, col(HandshakeRow.ordinal) == ordinal)
        query = select(HandshakeRow).where(the_one).order_by(col(HandshakeRow.id))
        with self._database.read() as session:
            rows = session.exec(query)
            return [Handshake.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def attempts(self, task_id: str) -> list[FailedAttempt]:
        """Those of a task that failed, oldest first."""
        query = select(AttemptRow).where(col(AttemptRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(AttemptRow.id)))
            return [FailedAttempt.model_validate(row.model_dump(exclude={"id"})) for row in rows]
