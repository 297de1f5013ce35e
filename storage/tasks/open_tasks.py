"""Checks that no open task needs what someone wants to delete: a certificate or an account."""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, exists, or_
from sqlmodel import Session, col, select

from domain.errors import BadInput
from domain.tasks.status import TaskStatus
from storage.tables.core import ChangeRow, TaskCertificateRow, TaskRow

_BUSY = (TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)


def deploys_certificate(fingerprint: str) -> ColumnElement[bool]:
    """Selects the tasks that deploy this certificate."""
    return exists().where(
        col(TaskCertificateRow.task_id) == col(TaskRow.id),
        col(TaskCertificateRow.fingerprint) == fingerprint,
    )


def changes_account(account: str) -> ColumnElement[bool]:
    """Selects the tasks that change a resource of this account."""
    return exists().where(
        col(ChangeRow.task_id) == col(TaskRow.id), col(ChangeRow.account) == account
    )


def refuse_if_needed(
    session: Session, which: ColumnElement[bool], what: str, now: datetime | None
) -> None:
    """Raises `BadInput` if a selected task is unfinished, or can still be rolled back, at `now`.

    Drafts do not count: a draft is checked when it is submitted.
    """
    open_now = or_(
        col(TaskRow.status).in_(_BUSY), col(TaskRow.rollback_until) > (now or datetime.now(UTC))
    )
    submitted = col(TaskRow.deleted_at).is_(None) & (col(TaskRow.status) != TaskStatus.DRAFT)
    row = session.exec(select(TaskRow).where(submitted, open_now, which).limit(1)).first()
    if row is not None:
        raise BadInput(
            f"task {row.name!r} needs {what} (it is {row.status}, and may be rolled back until "
            f"{row.rollback_until:%Y-%m-%d %H:%M} UTC)",
            where=f"task {row.id}",
            fix=f"Delete the task first: certroll task delete {row.id}",
            code="needed-by-open-task",
        )
