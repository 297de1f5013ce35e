"""Saves the evidence of a task, handshakes and failed attempts, and reads it for its report."""

from collections.abc import Iterable

from sqlalchemy import and_
from sqlmodel import col, select

from domain.tasks.evidence import FailedAttempt, Handshake
from storage.database import Database
from storage.statements import get_table
from storage.tables.evidence import AttemptRow, HandshakeRow

_ADD_HANDSHAKE, _ADD_ATTEMPT = get_table(HandshakeRow).insert(), get_table(AttemptRow).insert()


class Evidence:
    """The evidence of tasks; nothing changes or deletes it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_handshakes(self, handshakes: Iterable[Handshake]) -> None:
        """Adds handshakes."""
        if rows := [each.model_dump() for each in handshakes]:
            with self._database.statements() as connection:
                connection.execute(_ADD_HANDSHAKE, rows)

    def add_attempt(self, attempt: FailedAttempt) -> None:
        """Adds a failed attempt."""
        row = {**attempt.model_dump(mode="json"), "at": attempt.at}
        with self._database.statements() as connection:
            connection.execute(_ADD_ATTEMPT, row)

    def list_handshakes(self, task_id: str) -> list[Handshake]:
        """The handshakes of a task, oldest first."""
        query = select(HandshakeRow).where(col(HandshakeRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(HandshakeRow.id)))
            return [Handshake.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def list_change_handshakes(self, task_id: str, ordinal: int) -> list[Handshake]:
        """The handshakes of one change of a task, oldest first."""
        one_change = and_(
            col(HandshakeRow.task_id) == task_id, col(HandshakeRow.ordinal) == ordinal
        )
        query = select(HandshakeRow).where(one_change).order_by(col(HandshakeRow.id))
        with self._database.read() as session:
            rows = session.exec(query)
            return [Handshake.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def list_failed_attempts(self, task_id: str) -> list[FailedAttempt]:
        """The failed attempts of a task, oldest first."""
        query = select(AttemptRow).where(col(AttemptRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(AttemptRow.id)))
            return [FailedAttempt.model_validate(row.model_dump(exclude={"id"})) for row in rows]
