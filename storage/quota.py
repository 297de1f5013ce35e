"""The ledger of quota: never overdrawn, and a task's reservation is spent or given back once."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from domain.errors import BadInput
from domain.plans import quota
from domain.plans.quota import Entry, EntryKind, Settlement
from storage.database import Database
from storage.tables.core import ChangeRow, OwnerRow, QuotaEntryRow

_OWNER = "default"
_OF_A_TASK = (EntryKind.RESERVE, EntryKind.CHARGE, EntryKind.REFUND)


class LedgerEntry(Entry):
    """One line of the ledger as it is stored."""

    id: int
    at: datetime
    round: int = 0
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
        with self._database.write() as session:
            reserve_round(session, task_id, 0, amount, at)

    def settle(self, task_id: str, at: datetime) -> Settlement:
        """Charges each change that was deployed and refunds the rest of what is reserved.

        Once for each round of the task; answers with the sums of all its rounds.
        """
        with self._database.write() as session:
            _lock(session)
            entries = _entries(session, task_id)
            reserved, charged, refunded = (_sum(entries, kind) for kind in _OF_A_TASK)
            left = reserved - charged - refunded
            if not left:
                return Settlement(charged=charged, refunded=refunded)
            now = quota.settle(left, _spent(session, task_id) - charged)
            turn = max(entry.round for entry in entries)
            if now.charged:
                session.add(_row(EntryKind.CHARGE, now.charged, task_id, "deployed", at, turn))
            if now.refunded:
                session.add(_row(EntryKind.REFUND, now.refunded, task_id, "not deployed", at, turn))
            return Settlement(charged=charged + now.charged, refunded=refunded + now.refunded)

    def entries(self, task_id: str | None = None) -> Sequence[LedgerEntry]:
        """The ledger, oldest first; of one task, or all of it."""
        query = select(QuotaEntryRow).order_by(col(QuotaEntryRow.id))
        if task_id is not None:
            query = query.where(col(QuotaEntryRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query)
            return [LedgerEntry.model_validate(row.model_dump(exclude={"owner"})) for row in rows]


def reserve_round(session: Session, task_id: str, turn: int, amount: int, at: datetime) -> None:
    """Takes deployments for one round of a task, once; 0 is the first, retries follow.

    `BadInput` when there are not enough, `ValueError` if it has reserved another amount before.
    """
    if amount < 0:
        raise ValueError(f"{amount} cannot be reserved")
    _lock(session)
    before = [
        entry.amount
        for entry in _entries(session, task_id)
        if (entry.kind, entry.round) == (EntryKind.RESERVE, turn)
    ]
    if before and before != [amount]:
        raise ValueError(f"task {task_id} has reserved {before[0]} already, not {amount}")
    if amount and not before:
        quota.check_reservation(amount, _balance(session))
        note = "reserved again" if turn else "reserved"
        session.add(_row(EntryKind.RESERVE, amount, task_id, note, at, turn))


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


def _entries(session: Session, task_id: str) -> Sequence[QuotaEntryRow]:
    query = select(QuotaEntryRow).where(col(QuotaEntryRow.task_id) == task_id)
    return session.exec(query).all()


def _sum(entries: Sequence[QuotaEntryRow], kind: EntryKind) -> int:
    return sum(entry.amount for entry in entries if entry.kind == kind)


def _spent(session: Session, task_id: str) -> int:
    """What its changes that have once succeeded cost, whether or not they were taken back."""
    query = select(func.coalesce(func.sum(ChangeRow.cost), 0)).where(
        col(ChangeRow.task_id) == task_id, col(ChangeRow.deployed)
    )
    return session.exec(query).one()


def _row(
    kind: EntryKind, amount: int, task_id: str | None, note: str, at: datetime, turn: int = 0
) -> QuotaEntryRow:
    return QuotaEntryRow(
        owner=_OWNER,
        at=at,
        kind=kind.value,
        amount=amount,
        task_id=task_id,
        round=turn,
        note=note,
    )
