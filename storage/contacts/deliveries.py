"""What was told to whom, and what could not be told: each attempt, and who knows what already."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col, select

from domain.model import Value
from storage.database import Database
from storage.statements import batches
from storage.tables.core import DeliveryRow


class Delivery(Value):
    """One attempt to tell a contact of an event.

    It is an event of a task or, with `task_id` None, of the watch for expiries; `subject` is then
    what was told of, None for an attempt that failed as a whole.
    """

    task_id: str | None
    event: str
    subject: str | None = None
    contact: str
    ok: bool
    detail: str
    at: datetime


class Deliveries:
    """Attempts by task, or by what they were about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def told(self, task_id: str, event: str, contact: str) -> bool:
        """Whether this contact has been told of this event of a task."""
        with self._database.read() as session:
            return _arrived(session, task_id, event, contact)

    def record(
        self, task_id: str | None, event: str, contact: str, ok: bool, detail: str, at: datetime
    ) -> None:
        """Keeps one attempt; `detail` says why it failed, without the address.

        That a contact was told of an event of a task is kept once, however often it is said.
        """
        with self._database.write() as session:
            if not (ok and task_id and _arrived(session, task_id, event, contact)):
                session.add(
                    DeliveryRow(
                        task_id=task_id, event=event, contact=contact, ok=ok, detail=detail, at=at
                    )
                )

    def record_subjects(
        self, event: str, contact: str, subjects: Iterable[str], detail: str, at: datetime
    ) -> None:
        """Keeps that a contact was told of all of these, which are about no task."""
        with self._database.write() as session:
            session.add_all(
                DeliveryRow(
                    event=event, subject=each, contact=contact, ok=True, detail=detail, at=at
                )
                for each in subjects
            )

    def known(self, event: str, contact: str, subjects: Iterable[str]) -> set[str]:
        """Of these the ones that the contact was told of."""
        known: set[str] = set()
        with self._database.read() as session:
            for batch in batches(subjects):
                told = and_(_to(None, event, contact), col(DeliveryRow.subject).in_(batch))
                known.update(filter(None, session.exec(select(DeliveryRow.subject).where(told))))
        return known

    def of_task(self, task_id: str) -> list[Delivery]:
        """All attempts for a task, oldest first."""
        query = select(DeliveryRow).where(col(DeliveryRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(DeliveryRow.id)))
            return [_delivery(row) for row in rows]

    def latest(self, *, arrived: bool = False) -> dict[str, Delivery]:
        """The last attempt to tell each contact, or the last that arrived; by the contact's name.

        Whatever it was about.
        """
        newest = select(func.max(col(DeliveryRow.id))).group_by(col(DeliveryRow.contact))
        if arrived:
            newest = newest.where(col(DeliveryRow.ok).is_(True))
        query = select(DeliveryRow).where(col(DeliveryRow.id).in_(newest))
        with self._database.read() as session:
            return {row.contact: _delivery(row) for row in session.exec(query)}


def _arrived(session: Session, task_id: str, event: str, contact: str) -> bool:
    query = select(DeliveryRow.id).where(_to(task_id, event, contact))
    return session.exec(query.limit(1)).first() is not None


def _to(task_id: str | None, event: str, contact: str) -> ColumnElement[bool]:
    """Attempts that arrived."""
    return and_(
        col(DeliveryRow.task_id).is_(None) if task_id is None else _task(task_id),
        col(DeliveryRow.event) == event,
        col(DeliveryRow.contact) == contact,
        col(DeliveryRow.ok).is_(True),
    )


def _task(task_id: str) -> ColumnElement[bool]:
    return col(DeliveryRow.task_id) == task_id


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery.model_validate(row.model_dump(exclude={"id"}))
