"""The ledger of quota: never overdrawn, and a task's reservation is spent or given back once."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from domain import quota
from domain.errors import BadInput
from domain.quota import Entry, EntryKind, Settlement
from storage.database import Database
from storage.tables import ChangeRow, OwnerRow, QuotaEntryRow

_OWNER = "default"


class LedgerEntry(Entry):
    """One line of the ledger as it is stored."""

    id: int
    at: datetime
    note: str


class Ledger:
    """Grants, reservations, charges and refunds of the one owner.

    Whoever writes locks the owner first (on SQLite the whole database), so that two tasks cannot
    both see the same deployments left.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def grant(self, amount: int, note: str, at: datetime) -> None:
        """Adds deployments; `BadInput` unless the amount is positive."""
        if amount < 1:
            raise BadInput(f"{amount} cannot be granted", where="quota", fix="Grant at least 1.")
        with self._database.write() as session:
            _lock(session)
            session.add(_row(EntryKind.GRANT, amount, None, note, at))

    def balance(self) -> int:
        """Deployments that may still be reserved."""
        with self._database.read() as session:
            return _balance(session)

    def reserve(self, task_id: str, amount: int, at: datetime) -> None:
        """Takes deployments for a task, once; `BadInput` when there are not enough.

        `ValueError` if the task has reserved another amount before.
        """
        if amount < 0:
            raise ValueError(f"{amount} cannot be reserved")
        with self._database.write() as session:
            _lock(session)
            before = _amounts(session, task_id).get(EntryKind.RESERVE)
            if before is not None and before != amount:
                raise ValueError(f"task {task_id} has reserved {before} already, not {amount}")
            if before is None and amount:
                quota.check_reservation(amount, _balance(session))
                session.add(_row(EntryKind.RESERVE, amount, task_id, "reserved", at))

    def settle(self, task_id: str, at: datetime) -> Settlement:
        """Charges each change that was deployed and refunds the rest of the reservation, once."""
        with self._database.write() as session:
            _lock(session)
            amounts = _amounts(session, task_id)
            charged, refunded = amounts.get(EntryKind.CHARGE, 0), amounts.get(EntryKind.REFUND, 0)
            if charged or refunded or EntryKind.RESERVE not in amounts:
                return Settlement(charged=charged, refunded=refunded)
            settled = quota.settle(amounts[EntryKind.RESERVE], _spent(session, task_id))
            if settled.charged:
                session.add(_row(EntryKind.CHARGE, settled.charged, task_id, "deployed", at))
            if settled.refunded:
                session.add(_row(EntryKind.REFUND, settled.refunded, task_id, "not deployed", at))
            return settled

    def entries(self, task_id: str | None = None) -> Sequence[LedgerEntry]:
        """The ledger, oldest first; of one task, or all of it."""
        query = select(QuotaEntryRow).order_by(col(QuotaEntryRow.id))
        if task_id is not None:
            query = query.where(col(QuotaEntryRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query)
            return [LedgerEntry.model_validate(row.model_dump(exclude={"owner"})) for row in rows]


def _lock(session: Session) -> None:
    owner = select(OwnerRow).where(col(OwnerRow.name) == _OWNER)
    session.exec(owner.with_for_update()).one()


def _balance(session: Session) -> int:
    sums = session.exec(
        select(QuotaEntryRow.kind, func.sum(QuotaEntryRow.amount))
        .where(col(QuotaEntryRow.owner) == _OWNER)
        .group_by(col(QuotaEntryRow.kind))
    )
    return quota.balance(Entry(kind=EntryKind(kind), amount=amount) for kind, amount in sums)


def _amounts(session: Session, task_id: str) -> dict[EntryKind, int]:
    query = select(QuotaEntryRow).where(col(QuotaEntryRow.task_id) == task_id)
    return {EntryKind(row.kind): row.amount for row in session.exec(query)}


def _spent(session: Session, task_id: str) -> int:
    """What its changes that have once succeeded cost, whether or not they were taken back."""
    query = select(func.coalesce(func.sum(ChangeRow.cost), 0)).where(
        col(ChangeRow.task_id) == task_id, col(ChangeRow.deployed)
    )
    return session.exec(query).one()


def _row(
    kind: EntryKind, amount: int, task_id: str | None, note: str, at: datetime
) -> QuotaEntryRow:
    return QuotaEntryRow(
        owner=_OWNER, at=at, kind=kind.value, amount=amount, task_id=task_id, note=note
    )
