"""Reads the changes to verify once more after they ended, and moves those that differ.

The activities of bake times and of the daily verification call it.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, func, select, true, tuple_, update

from domain.cause import Cause
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from storage.database import Database
from storage.tasks.outcome_statements import CHANGE
from storage.tasks.rows import to_outcome_record

_S, _C = OutcomeStatus, CHANGE.c
_ONE_CHANGE = and_(_C.task_id == bindparam("task"), _C.ordinal == bindparam("number"))
CHECKABLE = (_S.DEPLOYED, _S.UNVERIFIED)
_IS_CHECKABLE = _C.status.in_([status.value for status in CHECKABLE])

# A rollback may have begun meanwhile: a change in any other status stays as it is.
_FAIL = (
    update(CHANGE)
    .where(_ONE_CHANGE, _IS_CHECKABLE)
    .values(
        status=_S.FAILED.value,
        ended_at=bindparam("now", type_=_C.ended_at.type),
        cause=bindparam("new_cause", type_=_C.cause.type),
    )
    .returning(_C.ordinal)
)
_VERIFY = (
    update(CHANGE)
    .where(_ONE_CHANGE, _C.status == _S.UNVERIFIED.value)
    .values(
        status=_S.DEPLOYED.value,
        ended_at=bindparam("now", type_=_C.ended_at.type),
        cause=None,
        deployed=true(),
    )
    .returning(_C.ordinal)
)


class Reverifications:
    """Transitions between final statuses, which no attempt makes. They never change quota."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_checkable(
        self, task_id: str, wave: int | None, after: int, limit: int
    ) -> list[OutcomeRecord]:
        """The next deployed or unverified changes above an ordinal, of one wave or of all."""
        query = (
            select(CHANGE)
            .where(_C.task_id == task_id, _C.ordinal > after, _IS_CHECKABLE)
            .order_by(_C.ordinal)
            .limit(limit)
        )
        if wave is not None:
            query = query.where(_C.wave == wave)
        with self._database.read() as session:
            return [to_outcome_record(row) for row in session.execute(query).mappings()]

    def list_chosen(self, changes: Sequence[tuple[str, int]]) -> list[OutcomeRecord]:
        """The outcomes of these changes (task id, ordinal), at most some hundred."""
        chosen = tuple_(_C.task_id, _C.ordinal).in_(changes)
        query = select(CHANGE).where(chosen).order_by(_C.resource_id)
        with self._database.read() as session:
            return [to_outcome_record(row) for row in session.execute(query).mappings()]

    def mark_failed(self, task_id: str, ordinal: int, at: datetime, cause: Cause) -> bool:
        """Fails a deployed or unverified change; False if it is in another status by now."""
        values = {"task": task_id, "number": ordinal, "now": at}
        values["new_cause"] = cause.model_dump(mode="json")
        with self._database.statements() as connection:
            return connection.execute(_FAIL, values).first() is not None

    def mark_verified(self, task_id: str, ordinal: int, at: datetime) -> bool:
        """Makes an unverified change deployed; False if it is in another status by now."""
        values = {"task": task_id, "number": ordinal, "now": at}
        with self._database.statements() as connection:
            return connection.execute(_VERIFY, values).first() is not None

    def count(self, task_id: str, wave: int | None, code: str) -> dict[OutcomeStatus, int]:
        """Counts the deployed, the unverified, and those that failed with this cause's code."""
        failed = and_(_C.status == _S.FAILED.value, _C.cause["code"].as_string() == code)
        query = select(
            *(func.count().filter(_C.status == status.value) for status in CHECKABLE),
            func.count().filter(failed),
        ).where(_C.task_id == task_id)
        if wave is not None:
            query = query.where(_C.wave == wave)
        with self._database.read() as session:
            row: Sequence[int] = session.execute(query).one()
        return dict(zip((*CHECKABLE, _S.FAILED), row, strict=True))
