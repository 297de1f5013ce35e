"""Reads and writes the outcomes of a task's changes, for activities and for whoever shows a task.

Each write is one statement, since there are thousands of them in a task.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, Update, and_, bindparam, func, select, update
from sqlmodel import Session

from domain.cause import Cause
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.retry import AutomaticRollback
from domain.tasks.status import OutcomeStatus, Tally
from storage.database import Database
from storage.statements import batches
from storage.tasks.outcome_statements import (
    BEGIN,
    CHANGE,
    FIND,
    FINISH,
    MARK_APPLIED,
    RECORD_CAUSE,
    TO_DEPLOY,
    TO_ROLL_BACK,
    build_rollback_cause,
    is_rolled_back_by,
)
from storage.tasks.rows import to_outcome_record
from storage.tasks.tally import count_by_task, count_by_wave

_S = OutcomeStatus
_C = CHANGE.c
_LOCK = _C.document["lock"].as_string()
_ORDER_COLUMNS = (
    *(_C.ordinal, _C.resource_id, _C.account, _C.service, _C.started_at),
    *(_C.status, _C.cause, _LOCK.label("lock")),
    _C.document[("before", "not_after")].as_string().label("expires"),
)
_FINGERPRINT = _C.document[("after", "fingerprint")].as_string()


class Outcomes:
    """The outcomes, by task and ordinal (the position of the change in its plan)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, task_id: str, ordinal: int) -> OutcomeRecord:
        """The outcome of one change; raises `LookupError` if there is none."""
        with self._database.read() as session:
            return to_outcome_record(_find(session.connection(), _key(task_id, ordinal)))

    def begin_attempt(
        self, task_id: str, ordinal: int, status: OutcomeStatus, at: datetime
    ) -> OutcomeRecord:
        """Starts an attempt: sets the status DEPLOYING or ROLLING_BACK and counts the attempt.

        Raises `ValueError` if the transition is not legal, `LookupError` if there is no change.
        """
        if status not in BEGIN:
            raise ValueError(f"an attempt does not begin as {status}")
        key = _key(task_id, ordinal)
        with self._database.statements() as connection:
            row = connection.execute(BEGIN[status], {**key, "now": at}).mappings().first()
            if row is None:
                raise _build_transition_error(_find(connection, key), status)
        return to_outcome_record(row)

    def mark_applied(self, task_id: str, ordinal: int, attempt: int, applied: bool = True) -> bool:
        """Records that the resource may have changed; call it before the call that changes it.

        `applied=False` withdraws that, once the service has refused the call. Returns False, and
        changes nothing, if attempt number `attempt` is not the one that runs.
        """
        values = {**_key(task_id, ordinal), "attempt": attempt}
        with self._database.statements() as connection:
            return connection.execute(MARK_APPLIED[applied], values).first() is not None

    def end_attempt(
        self, task_id: str, ordinal: int, status: OutcomeStatus, at: datetime, cause: Cause | None
    ) -> None:
        """Ends an attempt with a status; the same status again changes nothing.

        Raises `ValueError` if the transition is not legal, `LookupError` if there is no change.
        """
        if status not in FINISH:
            raise ValueError(f"an attempt does not end as {status}")
        key = _key(task_id, ordinal)
        values = {**key, "now": at, "new_cause": _to_json(cause)}
        with self._database.statements() as connection:
            if connection.execute(FINISH[status], values).first() is None:
                row = _find(connection, key)
                if row["status"] != status:
                    raise _build_transition_error(row, status)

    def record_cause(self, task_id: str, ordinal: int, cause: Cause) -> None:
        """Records why a change that is being deployed has not succeeded yet."""
        values = {**_key(task_id, ordinal), "new_cause": _to_json(cause)}
        with self._database.statements() as connection:
            connection.execute(RECORD_CAUSE, values)

    def skip(self, task_id: str, only: Sequence[str] | None, at: datetime, cause: Cause) -> int:
        """Skips pending changes, of the resource ids in `only` or all; returns how many."""
        skipped = {"status": _S.SKIPPED.value, "ended_at": at, "cause": _to_json(cause)}
        pending = and_(_C.task_id == task_id, _C.status == _S.PENDING.value)
        statement = update(CHANGE).where(pending).values(skipped)
        with self._database.write() as session:
            if only is None:
                return _count(session, statement)
            rows = session.execute(select(_C.resource_id, _C.ordinal).where(pending))
            chosen = set(only)
            ordinals = [ordinal for resource, ordinal in rows if resource in chosen]
            return sum(
                _count(session, statement.where(_C.ordinal.in_(batch)))
                for batch in batches(ordinals)
            )

    def fail_unfinished(self, task_id: str, at: datetime, cause: Cause) -> int:
        """Fails changes in DEPLOYING that no attempt will end; returns how many.

        A change keeps a cause that it has; the others get `cause`.
        """
        values = {
            "status": _S.FAILED.value,
            "ended_at": at,
            "cause": func.coalesce(
                _C.cause, bindparam("new_cause", _to_json(cause), _C.cause.type)
            ),
        }
        begun = and_(_C.task_id == task_id, _C.status == _S.DEPLOYING.value)
        with self._database.write() as session:
            return _count(session, update(CHANGE).where(begun).values(values))

    def list_first_of_each_store(self, task_id: str, after: int, limit: int) -> list[OutcomeRecord]:
        """The first pending change of each certificate and store, with an ordinal above `after`."""
        first_ordinal, document = func.min(_C.ordinal), _C.document
        first = (
            select(first_ordinal)
            .where(_C.task_id == task_id, _C.status == _S.PENDING.value)
            .where(_FINGERPRINT.is_not(None))
            .group_by(_FINGERPRINT, _C.account, document["store"].as_string())
            .having(first_ordinal > after)
            .order_by(first_ordinal)
            .limit(limit)
        )
        query = select(CHANGE).where(_C.task_id == task_id, _C.ordinal.in_(first))
        with self._database.read() as session:
            rows = session.execute(query.order_by(_C.ordinal)).mappings()
            return [to_outcome_record(row) for row in rows]

    def list_orders(
        self,
        task_id: str,
        after: int,
        limit: int,
        direction: Direction,
        only: Sequence[str] | None,
        wave: int | None = None,
        *,
        automatic_rollback: AutomaticRollback | None = None,
    ) -> list[ChangeOrder]:
        """The next changes to make, in the order of the plan, with ordinals above `after`.

        `only` and `wave` restrict them to resource ids and to one wave. To deploy: changes that
        have not ended. To roll back: changes that were applied and are not rolled back yet; with
        `automatic_rollback` only those that it includes, each with the cause to record.
        """
        wanted = TO_DEPLOY if direction is Direction.DEPLOY else TO_ROLL_BACK
        query = (
            select(*_ORDER_COLUMNS)
            .where(_C.task_id == task_id, _C.ordinal > after, wanted)
            .order_by(_C.ordinal)
        )
        if wave is not None:
            query = query.where(_C.wave == wave)
        if automatic_rollback is not None:
            query = query.where(is_rolled_back_by(automatic_rollback))
        chosen = None if only is None else set(only)
        with self._database.read() as session:
            rows = session.execute(query.limit(limit) if chosen is None else query)
            return [
                ChangeOrder(
                    task_id=task_id,
                    ordinal=row.ordinal,
                    direction=direction,
                    label=row.resource_id,
                    account=row.account,
                    service=row.service,
                    lock=row.lock,
                    first_attempt_at=row.started_at if direction is Direction.DEPLOY else None,
                    expires_at=row.expires if direction is Direction.DEPLOY else None,
                    rollback_cause=(
                        None
                        if automatic_rollback is None
                        else build_rollback_cause(automatic_rollback, row)
                    ),
                )
                for row in _take(rows, chosen, limit)
            ]

    def get_tally(self, task_id: str) -> Tally:
        """How many changes there are in each status."""
        with self._database.read() as session:
            return count_by_task(session, [task_id])[task_id]

    def list_wave_tallies(self, task_id: str) -> list[Tally]:
        """The tally of each wave, in order; empty for a task without changes."""
        with self._database.read() as session:
            return count_by_wave(session, task_id)

    def find_unknown(self, task_id: str, resource_ids: Sequence[str]) -> list[str]:
        """Those of `resource_ids` that the task does not change, in the given order."""
        query = select(_C.resource_id).where(_C.task_id == task_id)
        with self._database.read() as session:
            known = set(session.scalars(query))
        return [one for one in resource_ids if one not in known]

    def list(self, task_id: str, status: OutcomeStatus | None = None) -> list[OutcomeRecord]:
        """All changes of a task, or those in one status, in the order of the plan."""
        query = select(CHANGE).where(_C.task_id == task_id).order_by(_C.ordinal)
        if status is not None:
            query = query.where(_C.status == status.value)
        with self._database.read() as session:
            return [to_outcome_record(row) for row in session.execute(query).mappings()]


def _key(task_id: str, ordinal: int) -> dict[str, object]:
    return {"task": task_id, "number": ordinal}


def _find(connection: Connection, key: Mapping[str, object]) -> RowMapping:
    row = connection.execute(FIND, key).mappings().first()
    if row is None:
        raise LookupError("task {task} has no change {number}".format_map(key))
    return row


def _build_transition_error(row: RowMapping, status: OutcomeStatus) -> ValueError:
    change = f"change {row['ordinal']} of task {row['task_id']}"
    return ValueError(f"{change} is {row['status']} and cannot become {status}")


def _to_json(cause: Cause | None) -> dict[str, Any] | None:
    return None if cause is None else cause.model_dump(mode="json")


def _take(rows: Iterable[Any], resource_ids: set[str] | None, limit: int) -> Iterator[Any]:
    """The first rows of these resources. One statement cannot take thousands of ids."""
    return islice((r for r in rows if resource_ids is None or r.resource_id in resource_ids), limit)


def _count(session: Session, statement: Update) -> int:
    return len(session.execute(statement.returning(_C.ordinal)).all())
