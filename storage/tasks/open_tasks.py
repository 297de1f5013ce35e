"""Which tasks still need what someone wants to delete."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import Session, col, select

from domain.errors import BadInput
from domain.tasks.status import TaskStatus
from storage.tables.core import ChangeRow, TaskCertificateRow, TaskRow

_BUSY = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)


def that_deploy(fingerprint: str) -> ColumnElement[bool]:
    """Tasks that deploy this certificate."""
    return exists().where(
        col(TaskCertificateRow.task_id) == col(TaskRow.id),
        col(TaskCertificateRow.fingerprint) == fingerprint,
    )


def that_change(account: str) -> ColumnElement[bool]:
    """Tasks that change a resource of this account."""
    return exists().where(
        col(ChangeRow.task_id) == col(TaskRow.id), col(ChangeRow.account) == account
    )


def refuse_while_open(
    session: Session, which: ColumnElement[bool], what: str, now: datetime | None
) -> None:
    """`BadInput` if such a task has work to do, or may still be rolled back, at `now`.

    A draft hinders nobody: it is checked when it is submitted.
    """
    open_now = or_(
        col(TaskRow.status).in_(_BUSY), col(TaskRow.rollback_until) > (now or datetime.now(UTC))
    )
    kept = col(TaskRow.deleted_at).is_(None) & (col(TaskRow.status) != TaskStatus.DRAFT)
    row = session.exec(select(TaskRow).where(kept, open_now, which).limit(1)).first()
    if row is not None:
        raise BadInput(
            f"{what} is needed by task {row.name!r} ({row.status}, may be rolled back until "
            f"{row.rollback_until:%Y-%m-%d %H:%M} UTC)",
            fix=f"Delete the task first: certroll task delete {row.id}",
        )
