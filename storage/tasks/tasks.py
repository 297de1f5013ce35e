"""Stores deployment tasks with plans, statuses and audit logs, for `starter` and activities."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from domain.errors import BadInput
from domain.plans.plan import Change, Plan
from domain.tasks.audit import TaskEvent, TaskEventCode
from domain.tasks.record import TaskRecord
from domain.tasks.status import TASK_TRANSITIONS, TaskStatus
from storage.database import Database
from storage.lookup import build_ambiguous_error, build_unknown_error
from storage.tables.core import ChangeRow, TaskEventRow, TaskRow
from storage.tasks.drafts import Drafts
from storage.tasks.outcomes import Outcomes
from storage.tasks.retries import Retries
from storage.tasks.rows import add_parts, build_name_taken_error, get_task_row, to_columns
from storage.tasks.tally import count_by_task

_RUNS = {TaskStatus.RUNNING, TaskStatus.ROLLING_BACK}
_WAITS = {TaskStatus.DRAFT, TaskStatus.SCHEDULED}


class Tasks:
    """The deployment tasks, with their `outcomes`, `retries` and `drafts`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outcomes = Outcomes(database)
        self.retries = Retries(database)
        self.drafts = Drafts(database)

    def create(self, record: TaskRecord, plan: Plan) -> None:
        """Adds a task and its changes; the ordinal of a change is its position in the plan.

        Raises `BadInput` if a task has the id, or a task that is not deleted has the name;
        `ValueError` if the record does not belong to the plan.
        """
        if record.digest != plan.digest:
            raise ValueError("the record does not belong to the plan")
        try:
            with self._database.write() as session:
                session.add(TaskRow(**to_columns(record, plan)))
                session.flush()
                add_parts(session, record, plan)
        except IntegrityError as error:
            taken = self._build_taken_error(record)
            if taken is None:
                raise ValueError("the plan changes one resource twice") from error
            raise taken from None

    def get(self, task_id: str) -> TaskRecord:
        """The task of exactly this id, also a deleted one; raises `BadInput` if there is none."""
        with self._database.read() as session:
            return _records(session, [get_task_row(session, task_id)])[0]

    def find(self, id_or_name_or_id_prefix: str) -> TaskRecord:
        """The task of this id, else of this name (not deleted), else whose id begins like this.

        Raises `BadInput` if there is none or more than one.
        """
        with self._database.read() as session:
            return _records(session, [_find_row(session, id_or_name_or_id_prefix)])[0]

    def get_plan(self, task_id: str) -> Plan:
        """The plan of a task, with the digest that it was stored with."""
        query = select(ChangeRow.document).where(col(ChangeRow.task_id) == task_id)
        with self._database.read() as session:
            rest = get_task_row(session, task_id).plan
            changes = session.exec(query.order_by(col(ChangeRow.ordinal))).all()
        return Plan.model_validate({**rest, "changes": [Change.model_validate(c) for c in changes]})

    def set_status(self, task_id: str, status: TaskStatus, at: datetime) -> None:
        """Sets the status; the same status again changes nothing.

        The first RUNNING sets `started_at`, each final status sets `ended_at`. Raises `ValueError`
        if the transition is not legal.
        """
        with self._database.write() as session:
            row = get_task_row(session, task_id, lock=True)
            now = TaskStatus(row.status)
            if now is status:
                return
            if status not in TASK_TRANSITIONS[now]:
                raise ValueError(f"task {task_id} is {now} and cannot become {status}")
            row.status = status.value
            if status is TaskStatus.RUNNING and row.started_at is None:
                row.started_at = at
            if status not in _RUNS | _WAITS:
                row.ended_at = at

    def set_time(self, task_id: str, at: datetime) -> None:
        """Sets the time of the start. A later time also moves the end of the rollback window."""
        with self._database.write() as session:
            row = get_task_row(session, task_id, lock=True)
            row.rollback_until += max(at - row.at, timedelta())
            row.at = at

    def set_windows_ignored(self, task_id: str, reason: str | None) -> None:
        """Sets why the task ignores maintenance windows and freezes; None: it respects them."""
        with self._database.write() as session:
            get_task_row(session, task_id, lock=True).windows_ignored = reason

    def delete(self, task_id: str, by: str, reason: str, at: datetime) -> None:
        """Marks a task as deleted, which frees its name, and adds an audit event; once."""
        with self._database.write() as session:
            query = update(TaskRow).where(
                col(TaskRow.id) == task_id, col(TaskRow.deleted_at).is_(None)
            )
            if session.exec(query.values(deleted_at=at)).rowcount:
                session.add(
                    TaskEventRow(
                        task_id=task_id, at=at, code=TaskEventCode.DELETED.value, by=by, text=reason
                    )
                )
            else:
                get_task_row(session, task_id)

    def add_event(
        self, task_id: str, code: TaskEventCode, by: str, text: str, at: datetime
    ) -> None:
        """Adds an event to the audit log of a task; an identical event is added once."""
        line: dict[str, Any] = {
            "task_id": task_id,
            "at": at,
            "code": code.value,
            "by": by,
            "text": text,
        }
        with self._database.write() as session:
            if session.exec(select(TaskEventRow).filter_by(**line)).first() is None:
                session.add(TaskEventRow(**line))

    def list_events(self, task_id: str) -> list[TaskEvent]:
        """The audit log of a task, oldest first."""
        query = select(TaskEventRow).where(col(TaskEventRow.task_id) == task_id)
        with self._database.read() as session:
            rows = session.exec(query.order_by(col(TaskEventRow.id)))
            return [TaskEvent.model_validate(row.model_dump(exclude={"id"})) for row in rows]

    def list(
        self,
        include_deleted: bool = False,
        status: TaskStatus | None = None,
        limit: int | None = None,
    ) -> list[TaskRecord]:
        """The tasks with their tallies, newest first."""
        query = select(TaskRow).order_by(col(TaskRow.created_at).desc(), col(TaskRow.id).desc())
        if not include_deleted:
            query = query.where(col(TaskRow.deleted_at).is_(None))
        if status is not None:
            query = query.where(col(TaskRow.status) == status.value)
        with self._database.read() as session:
            return _records(session, session.exec(query.limit(limit)).all())

    def _build_taken_error(self, record: TaskRecord) -> BadInput | None:
        with self._database.read() as session:
            if session.get(TaskRow, record.id):
                return BadInput(
                    f"there is already a task with the id {record.id}",
                    fix="Choose another id.",
                    code="id-taken",
                )
            if _find_by_name(session, record.name):
                return build_name_taken_error(record.name)
        return None


def _find_row(session: Session, wanted: str) -> TaskRow:
    row = session.get(TaskRow, wanted) or _find_by_name(session, wanted)
    if row is not None:
        return row
    begins = col(TaskRow.id).startswith(wanted, autoescape=True)
    rows = session.exec(select(TaskRow).where(begins).limit(6)).all() if wanted else []
    if len(rows) > 1:
        raise build_ambiguous_error("task", wanted, (f"{row.id} ({row.name})" for row in rows))
    if not rows:
        not_deleted = col(TaskRow.deleted_at).is_(None)
        names = session.exec(select(TaskRow.name).where(not_deleted))
        raise build_unknown_error("task", wanted, names)
    return rows[0]


def _find_by_name(session: Session, name: str) -> TaskRow | None:
    not_deleted = col(TaskRow.deleted_at).is_(None)
    return session.exec(select(TaskRow).where(col(TaskRow.name) == name, not_deleted)).first()


def _records(session: Session, rows: Sequence[TaskRow]) -> list[TaskRecord]:
    counted = count_by_task(session, [row.id for row in rows])
    return [
        TaskRecord.model_validate({**row.model_dump(exclude={"plan"}), "tally": counted[row.id]})
        for row in rows
    ]
