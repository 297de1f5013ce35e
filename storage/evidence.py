"""What proves afterwards what was done: handshakes, and attempts that failed."""

from sqlmodel import col, select

from domain.record import FailedAttempt, Handshake
from storage.database import Database
from storage.evidence_tables import AttemptRow, HandshakeRow


class Evidence:
    """Lines that are only ever added."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_handshakes(self, seen: list[Handshake]) -> None:
        """Keeps what endpoints showed."""
        if seen:
            with self._database.write() as session:
                session.add_all(HandshakeRow(**each.model_dump()) for each in seen)

    def add_attempt(self, failed: FailedAttempt) -> None:
        """Keeps an attempt that failed."""
        with self._database.write() as session:
            session.add(AttemptRow(**failed.model_dump(mode="json", exclude={"at"}), at=failed.at))

    def handshakes(self, task_id: str) -> list[Handshake]:
        """Those of a task, oldest first."""
        query = select(HandshakeRow).where(col(HandshakeRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(HandshakeRow.id)))
            return [Handshake.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def attempts(self, task_id: str) -> list[FailedAttempt]:
        """Those of a task that failed, oldest first."""
        query = select(AttemptRow).where(col(AttemptRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(AttemptRow.id)))
            return [FailedAttempt.model_validate(row.model_dump(exclude={"id"})) for row in rows]
