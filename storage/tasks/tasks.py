"""Deployment tasks: their plans, statuses and audit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from domain.errors import BadInput
from domain.plans.plan import Change, Plan
from domain.tasks.record import TaskEvent, TaskRecord
from domain.tasks.status import TASK_TRANSITIONS, TaskStatus
from storage.database import Database
from storage.lookup import ambiguous, unknown
from storage.tables.core import ChangeRow, TaskEventRow, TaskRow
from storage.tasks.drafts import Drafts
from storage.tasks.outcomes import Outcomes
from storage.tasks.retries import Rounds
from storage.tasks.rows import add_parts, fields, task_row
from storage.tasks.tally import tallies

_RUNS = {TaskStatus.RUNNING, TaskStatus.ROLLING_BACK}
_WAITS = {TaskStatus.DRAFT, TaskStatus.SCHEDULED}


class Tasks:
    """Tasks by id; `outcomes` is what became of changes, `rounds` retries, `drafts` edits them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outcomes = Outcomes(database)
        self.rounds = Rounds(database)
        self.drafts = Drafts(database)

    def create(self, record: TaskRecord, plan: Plan) -> None:
        """Stores a task with one row per change, its ordinal being its place in the plan.

        `BadInput` if the id, or the name among tasks not deleted, is taken; `ValueError` if the
        record's digest is not the plan's.
        """
        if record.digest != plan.digest:
            raise ValueError("the record is of another plan")
        try:
            with self._database.write() as session:
                session.add(TaskRow(**fields(record, plan)))
                session.flush()
                add_parts(session, record, plan)
        except IntegrityError as error:
            taken = self._taken(record)
            if taken is None:
                raise ValueError("the plan changes one resource twice") from error
            raise taken from None

    def get(self, task_id: str) -> TaskRecord:
        """The one of exactly this id, deleted or not; `BadInput` if there is none."""
        with self._database.read() as session:
            return _records(session, [task_row(session, task_id)])[0]

    def find(self, id_or_name_or_id_prefix: str) -> TaskRecord:
        """By id, else by name (not deleted), else by the beginning of an id.

        `BadInput` if there is none, with the nearest names, or more than one.
        """
        asked = id_or_name_or_id_prefix
        with self._database.read() as session:
            return _records(session, [_found(session, asked)])[0]

    def plan(self, task_id: str) -> Plan:
        """The plan as it was stored: the same digest."""
        query = select(ChangeRow.document).where(col(ChangeRow.task_id) == task_id)
        with self._database.read() as session:
            rest = task_row(session, task_id).plan
            changes = session.exec(query.order_by(col(ChangeRow.ordinal))).all()
        return Plan.model_validate({**rest, "changes": [Change.model_validate(c) for c in changes]})

    def set_status(self, task_id: str, status: TaskStatus, at: datetime) -> None:
        """Moves it; the same status again changes nothing, an illegal move is a `ValueError`.

        The first time that it runs sets `started_at`, every end sets `ended_at`.
        """
        with self._database.write() as session:
            row = task_row(session, task_id, lock=True)
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
        """Another time to start at; a later one also moves the end of the rollback window."""
        with self._database.write() as session:
            row = task_row(session, task_id, lock=True)
            row.rollback_until += max(at - row.at, timedelta())
            row.at = at

    def ignore_windows(self, task_id: str, reason: str | None) -> None:
        """From now on it heeds neither maintenance windows nor freezes; None: both again."""
        with self._database.write() as session:
            task_row(session, task_id, lock=True).windows_ignored = reason

    def delete(self, task_id: str, by: str, reason: str, at: datetime) -> None:
        """Marks it deleted, which frees its name, and says so in its audit; once."""
        with self._database.write() as session:
            query = update(TaskRow).where(
                col(TaskRow.id) == task_id, col(TaskRow.deleted_at).is_(None)
            )
            if session.exec(query.values(deleted_at=at)).rowcount:
                session.add(
                    TaskEventRow(task_id=task_id, at=at, kind="deleted", by=by, text=reason)
                )
            else:
                task_row(session, task_id)

    def event(self, task_id: str, kind: str, by: str, text: str, at: datetime) -> None:
        """Adds a line to its audit; the very same line again adds nothing."""
        line: dict[str, Any] = {"task_id": task_id, "at": at, "kind": kind, "by": by, "text": text}
        with self._database.write() as session:
            if session.exec(select(TaskEventRow).filter_by(**line)).first() is None:
                session.add(TaskEventRow(**line))

    def events(self, task_id: str) -> list[TaskEvent]:
        """Its audit, oldest first."""
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
        """Tasks with their tallies, newest first."""
        query = select(TaskRow).order_by(col(TaskRow.created_at).desc(), col(TaskRow.id).desc())
        if not include_deleted:
            query = query.where(col(TaskRow.deleted_at).is_(None))
        if status is not None:
            query = query.where(col(TaskRow.status) == status.value)
        with self._database.read() as session:
            return _records(session, session.exec(query.limit(limit)).all())

    def _taken(self, record: TaskRecord) -> BadInput | None:
        fix = "Choose another one."
        with self._database.read() as session:
            if session.get(TaskRow, record.id):
                return BadInput(f"there is a task with the id {record.id} already", fix=fix)
            if _named(session, record.name):
                return BadInput(f"there is a task named {record.name!r} already", fix=fix)
        return None


def _found(session: Session, asked: str) -> TaskRow:
    row = session.get(TaskRow, asked) or _named(session, asked)
    if row is not None:
        return row
    begins = col(TaskRow.id).startswith(asked, autoescape=True)
    rows = session.exec(select(TaskRow).where(begins).limit(6)).all() if asked else []
    if len(rows) > 1:
        raise ambiguous("task", asked, (f"{row.id} ({row.name})" for row in rows))
    if not rows:
        kept = col(TaskRow.deleted_at).is_(None)
        raise unknown("task", asked, session.exec(select(TaskRow.name).where(kept)))
    return rows[0]


def _named(session: Session, name: str) -> TaskRow | None:
    kept = col(TaskRow.deleted_at).is_(None)
    return session.exec(select(TaskRow).where(col(TaskRow.name) == name, kept)).first()


def _records(session: Session, rows: Sequence[TaskRow]) -> list[TaskRecord]:
    counted = tallies(session, [row.id for row in rows])
    return [
        TaskRecord.model_validate({**row.model_dump(exclude={"plan"}), "tally": counted[row.id]})
        for row in rows
    ]
