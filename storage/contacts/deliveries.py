"""Records the attempts to deliver messages, so that no contact gets a message twice.

The notifier and the expiry watch call it; `starter` shows the attempts.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col, select

from domain.model import Value
from storage.database import Database
from storage.statements import batches
from storage.tables.core import DeliveryRow


class Delivery(Value):
    """One attempt to deliver a message about an event to a contact.

    The event is one of a task or, if `task_id` is None, of the expiry watch. `subject` is then the
    certificate that the message was about, None for an attempt that failed.
    """

    task_id: str | None
    event: str
    subject: str | None = None
    contact: str
    ok: bool
    detail: str
    at: datetime


class Deliveries:
    """The attempts, by task or by subject."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def is_delivered(self, task_id: str, event: str, contact: str) -> bool:
        """Whether a message about this event of a task has reached the contact."""
        with self._database.read() as session:
            return _is_delivered(session, task_id, event, contact)

    def record(
        self, task_id: str | None, event: str, contact: str, ok: bool, detail: str, at: datetime
    ) -> None:
        """Adds an attempt; `detail` says why it failed, without the address.

        A second success for the same event of a task adds nothing.
        """
        with self._database.write() as session:
            if not (ok and task_id and _is_delivered(session, task_id, event, contact)):
                session.add(
                    DeliveryRow(
                        task_id=task_id, event=event, contact=contact, ok=ok, detail=detail, at=at
                    )
                )

    def record_subjects(
        self, event: str, contact: str, subjects: Iterable[str], detail: str, at: datetime
    ) -> None:
        """Adds a successful attempt of the expiry watch for each of these subjects."""
        with self._database.write() as session:
            session.add_all(
                DeliveryRow(
                    event=event, subject=each, contact=contact, ok=True, detail=detail, at=at
                )
                for each in subjects
            )

    def find_delivered(self, event: str, contact: str, subjects: Iterable[str]) -> set[str]:
        """The subjects of which a message has reached the contact."""
        delivered: set[str] = set()
        with self._database.read() as session:
            for batch in batches(subjects):
                was_delivered = and_(
                    _is_success(None, event, contact), col(DeliveryRow.subject).in_(batch)
                )
                query = select(DeliveryRow.subject).where(was_delivered)
                delivered.update(filter(None, session.exec(query)))
        return delivered

    def list(self, task_id: str) -> list[Delivery]:
        """All attempts of a task, oldest first."""
        query = select(DeliveryRow).where(col(DeliveryRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(DeliveryRow.id)))
            return [_to_delivery(row) for row in rows]

    def get_latest(self, *, delivered: bool = False) -> dict[str, Delivery]:
        """The last attempt for each contact, or the last success, by the contact's name."""
        newest = select(func.max(col(DeliveryRow.id))).group_by(col(DeliveryRow.contact))
        if delivered:
            newest = newest.where(col(DeliveryRow.ok).is_(True))
        query = select(DeliveryRow).where(col(DeliveryRow.id).in_(newest))
        with self._database.read() as session:
            return {row.contact: _to_delivery(row) for row in session.exec(query)}


def _is_delivered(session: Session, task_id: str, event: str, contact: str) -> bool:
    query = select(DeliveryRow.id).where(_is_success(task_id, event, contact))
    return session.exec(query.limit(1)).first() is not None


def _is_success(task_id: str | None, event: str, contact: str) -> ColumnElement[bool]:
    """Selects the successful attempts of this event for this contact."""
    return and_(
        col(DeliveryRow.task_id).is_(None) if task_id is None else _task(task_id),
        col(DeliveryRow.event) == event,
        col(DeliveryRow.contact) == contact,
        col(DeliveryRow.ok).is_(True),
    )


def _task(task_id: str) -> ColumnElement[bool]:
    return col(DeliveryRow.task_id) == task_id


def _to_delivery(row: DeliveryRow) -> Delivery:
    return Delivery.model_validate(row.model_dump(exclude={"id"}))
