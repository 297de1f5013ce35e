"""Saves drafts: tasks that can still be edited. `starter.requests` edits and submits them."""

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete

from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.tasks.record import TaskRecord
from domain.tasks.status import TaskStatus
from storage.database import Database
from storage.tables.core import ChangeRow, TaskCertificateRow, TaskRow
from storage.tasks.rows import (
    add_parts,
    build_name_taken_error,
    get_task_row,
    to_columns,
    to_draft_json,
    to_rollout_json,
)


class Drafts:
    """The writes that only drafts allow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, record: TaskRecord, plan: Plan) -> None:
        """Replaces a draft, with its plan and its waves.

        A record with the status SCHEDULED and without `draft` submits it. Raises `BadInput` if the
        task is not a draft any more, the new name is taken, or the waves do not fit the changes;
        `ValueError` if the record does not belong to the plan.
        """
        if record.digest != plan.digest:
            raise ValueError("the record does not belong to the plan")
        try:
            with self._database.write() as session:
                row = get_task_row(session, record.id, lock=True)
                if row.status != TaskStatus.DRAFT or row.deleted_at is not None:
                    raise _build_not_draft_error(row)
                if (row.digest, row.rollout) != (record.digest, to_rollout_json(record)):
                    _delete_parts(session, record.id)
                    add_parts(session, record, plan)
                for name, value in to_columns(record, plan).items():
                    setattr(row, name, value)
        except IntegrityError:
            raise build_name_taken_error(record.name) from None

    def revert_to_draft(self, record: TaskRecord) -> None:
        """Makes a submitted task a draft again, because its workflow could not be started."""
        with self._database.write() as session:
            row = get_task_row(session, record.id, lock=True)
            row.status = TaskStatus.DRAFT.value
            row.draft = to_draft_json(record)


def _build_not_draft_error(row: TaskRow) -> BadInput:
    state = "deleted" if row.deleted_at is not None else row.status
    return BadInput(
        f"the task is {state}; only a draft can be changed or submitted",
        where=f"task {row.id}",
        code="not-a-draft",
    )


def _delete_parts(session: Session, task_id: str) -> None:
    for row in (ChangeRow, TaskCertificateRow):
        session.exec(delete(row).where(col(row.task_id) == task_id))
