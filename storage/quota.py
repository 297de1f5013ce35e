"""Stores the quota ledger: grants, reservations, charges and refunds of deployments.

`starter` grants; activities reserve and settle.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from domain.errors import BadInput
from domain.plans import quota
from domain.plans.quota import EntryKind, QuotaEntry, Settlement
from storage.database import Database
from storage.tables.core import ChangeRow, OwnerRow, QuotaEntryRow

_OWNER = "default"
_TASK_KINDS = (EntryKind.RESERVE, EntryKind.CHARGE, EntryKind.REFUND)


class LedgerEntry(QuotaEntry):
    """One stored entry of the ledger."""

    id: int
    at: datetime
    round: int = 0
    note: str


class QuotaLedger:
    """The ledger of the one owner.

    Each write locks the owner's row first (on SQLite the whole database), so that two tasks cannot
    reserve the same deployments.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def grant(self, amount: int, note: str, at: datetime) -> None:
        """Adds deployments; raises `BadInput` if the amount is not positive."""
        if amount < 1:
            raise BadInput(
                f"{amount} cannot be granted",
                where="quota",
                fix="Grant at least 1.",
                code="invalid-amount",
            )
        with self._database.write() as session:
            _lock(session)
            session.add(_row(EntryKind.GRANT, amount, None, note, at))

    def get_balance(self) -> int:
        """How many deployments can still be reserved."""
        with self._database.read() as session:
            return _balance(session)

    def reserve(self, task_id: str, amount: int, at: datetime) -> None:
        """Reserves deployments for a task, once.

        Raises `BadInput` if there are not enough, `ValueError` if the task has reserved another
        amount before.
        """
        with self._database.write() as session:
            reserve_round(session, task_id, 0, amount, at)

    def settle(self, task_id: str, at: datetime) -> Settlement:
        """Charges each deployed change and refunds the rest of the reservation.

        That happens once in each round of the task. Returns the sums over all rounds.
        """
        with self._database.write() as session:
            _lock(session)
            entries = _entries(session, task_id)
            reserved, charged, refunded = (_sum(entries, kind) for kind in _TASK_KINDS)
            open_amount = reserved - charged - refunded
            if not open_amount:
                return Settlement(charged=charged, refunded=refunded)
            now = quota.compute_settlement(open_amount, _sum_costs(session, task_id) - charged)
            round_number = max(entry.round for entry in entries)
            if now.charged:
                session.add(
                    _row(EntryKind.CHARGE, now.charged, task_id, "deployed", at, round_number)
                )
            if now.refunded:
                session.add(
                    _row(EntryKind.REFUND, now.refunded, task_id, "not deployed", at, round_number)
                )
            return Settlement(charged=charged + now.charged, refunded=refunded + now.refunded)

    def list_entries(self, task_id: str | None = None) -> Sequence[LedgerEntry]:
        """The entries, oldest first, of one task or of all."""
        query = select(QuotaEntryRow).order_by(col(QuotaEntryRow.id))
        if task_id is not None:
            query = query.where(col(QuotaEntryRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query)
            return [LedgerEntry.model_validate(row.model_dump(exclude={"owner"})) for row in rows]


def reserve_round(
    session: Session, task_id: str, round_number: int, amount: int, at: datetime
) -> None:
    """Reserves deployments for one round of a task, once. Round 0 is the first run.

    Raises `BadInput` if there are not enough, `ValueError` if the round has reserved another
    amount before.
    """
    if amount < 0:
        raise ValueError(f"{amount} cannot be reserved")
    _lock(session)
    before = [
        entry.amount
        for entry in _entries(session, task_id)
        if (entry.kind, entry.round) == (EntryKind.RESERVE, round_number)
    ]
    if before and before != [amount]:
        raise ValueError(f"task {task_id} has reserved {before[0]} already, not {amount}")
    if amount and not before:
        quota.check_reservation(amount, _balance(session))
        note = "reserved again" if round_number else "reserved"
        session.add(_row(EntryKind.RESERVE, amount, task_id, note, at, round_number))


def _lock(session: Session) -> None:
    owner = select(OwnerRow).where(col(OwnerRow.name) == _OWNER)
    session.exec(owner.with_for_update()).one()


def _balance(session: Session) -> int:
    sums = session.exec(
        select(QuotaEntryRow.kind, func.sum(QuotaEntryRow.amount))
        .where(col(QuotaEntryRow.owner) == _OWNER)
        .group_by(col(QuotaEntryRow.kind))
    )
    return quota.compute_balance(
        QuotaEntry(kind=EntryKind(kind), amount=amount) for kind, amount in sums
    )


def _entries(session: Session, task_id: str) -> Sequence[QuotaEntryRow]:
    query = select(QuotaEntryRow).where(col(QuotaEntryRow.task_id) == task_id)
    return session.exec(query).all()


def _sum(entries: Sequence[QuotaEntryRow], kind: EntryKind) -> int:
    return sum(entry.amount for entry in entries if entry.kind == kind)


def _sum_costs(session: Session, task_id: str) -> int:
    """The cost of a task's changes that succeeded once, also if they were rolled back since."""
    query = select(func.coalesce(func.sum(ChangeRow.cost), 0)).where(
        col(ChangeRow.task_id) == task_id, col(ChangeRow.deployed)
    )
    return session.exec(query).one()


def _row(
    kind: EntryKind,
    amount: int,
    task_id: str | None,
    note: str,
    at: datetime,
    round_number: int = 0,
) -> QuotaEntryRow:
    return QuotaEntryRow(
        owner=_OWNER,
        at=at,
        kind=kind.value,
        amount=amount,
        task_id=task_id,
        round=round_number,
        note=note,
    )
