"""Drafts: tasks that may still be edited, and become scheduled ones once they are submitted."""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete

from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from storage.database import Database
from storage.tables.core import ChangeRow, TaskCertificateRow, TaskRow
from storage.tasks.rows import add_parts, draft_value, fields, rollout_value, task_row


class Drafts:
    """What may be done to a draft beside what may be done to every task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, record: TaskRecord, plan: Plan) -> None:
        """Puts this in the place of a draft, its plan and its waves too.

        With the status scheduled, and without `draft`, that submits it. `BadInput` if it is no
        draft any more, its new name is taken, or its plan cannot go in its waves; `ValueError` if
        the record is of another plan.
        """
        if record.digest != plan.digest:
            raise ValueError("the record is of another plan")
        try:
            with self._database.write() as session:
                row = task_row(session, record.id, lock=True)
                if row.status != TaskStatus.DRAFT or row.deleted_at is not None:
                    raise _no_draft(row)
                if (row.digest, row.rollout) != (record.digest, rollout_value(record)):
                    _delete_parts(session, record.id)
                    add_parts(session, record, plan)
                for name, value in fields(record, plan).items():
                    setattr(row, name, value)
        except IntegrityError:
            fix = "Choose another one."
            raise BadInput(f"there is a task named {record.name!r} already", fix=fix) from None

    def withdraw(self, record: TaskRecord) -> None:
        """Makes a submitted task the draft again that it was: nothing could be started of it."""
        with self._database.write() as session:
            row = task_row(session, record.id, lock=True)
            row.status = TaskStatus.DRAFT.value
            row.draft = draft_value(record)


def _no_draft(row: TaskRow) -> BadInput:
    state = "deleted" if row.deleted_at is not None else row.status
    return BadInput(
        f"the task is {state}, only a draft can be changed or submitted", where=f"task {row.id}"
    )


def _delete_parts(session: Session, task_id: str) -> None:
    for row in (ChangeRow, TaskCertificateRow):
        session.exec(delete(row).where(col(row.task_id) == task_id))
