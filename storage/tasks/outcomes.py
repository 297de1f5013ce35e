"""What became of each change of a task. Its writes are single statements: they run by thousands."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, RowMapping, Update, and_, bindparam, func, select, update
from sqlmodel import Session

from domain.cause import Cause
from domain.plans.plan import Change
from domain.tasks.messages import ChangeOrder, Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.retry import Undoing
from domain.tasks.status import OutcomeStatus, Tally
from storage.database import Database
from storage.statements import batches
from storage.tasks.outcome_statements import (
    BEGIN,
    CHANGE,
    FIND,
    FINISH,
    MARK_APPLIED,
    MARK_APPLIED_BY,
    STILL_TRYING,
    TO_DEPLOY,
    TO_ROLL_BACK,
    may_be_undone,
    why_undone,
)
from storage.tasks.tally import tallies, wave_tallies

_S = OutcomeStatus
_T = CHANGE
_LOCK = _T.c.document["lock"].as_string()
_OF_AN_ORDER = (
    *(_T.c.ordinal, _T.c.resource_id, _T.c.account, _T.c.service, _T.c.started_at),
    *(_T.c.status, _T.c.cause, _LOCK.label("lock")),
    _T.c.document[("before", "not_after")].as_string().label("expires"),
)
_FINGERPRINT = _T.c.document[("after", "fingerprint")].as_string()


class Outcomes:
    """Outcomes by task and ordinal, the change's place in the plan."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, task_id: str, ordinal: int) -> OutcomeRecord:
        """The one change; `LookupError` if there is none."""
        with self._database.read() as session:
            return _record(_found(session.connection(), {"task": task_id, "place": ordinal}))

    def begin(
        self, task_id: str, ordinal: int, status: OutcomeStatus, at: datetime
    ) -> OutcomeRecord:
        """Moves it to deploying or rolling back and counts the attempt.

        `ValueError` if it cannot become that now; `LookupError` if there is none.
        """
        if status not in BEGIN:
            raise ValueError(f"an attempt does not begin as {status}")
        the_one = {"task": task_id, "place": ordinal}
        with self._database.statements() as connection:
            done = connection.execute(BEGIN[status], {**the_one, "now": at}).mappings().first()
            if done is None:
                raise _illegal(_found(connection, the_one), status)
        return _record(done)

    def mark_applied(self, task_id: str, ordinal: int, applied: bool = True) -> None:
        """Says that the resource may differ from what it was: before the call that changes it.

        False takes it back, once the service has refused that call. `LookupError` if there is none.
        """
        the_one = {"task": task_id, "place": ordinal}
        with self._database.statements() as connection:
            if connection.execute(MARK_APPLIED[applied], the_one).first() is None:
                _found(connection, the_one)

    def mark_applied_by(
        self, task_id: str, ordinal: int, attempt: int, applied: bool = True
    ) -> bool:
        """The same, if the attempt of this number still is the one under way; whether it is."""
        values = {"task": task_id, "place": ordinal, "attempt": attempt}
        with self._database.statements() as connection:
            return connection.execute(MARK_APPLIED_BY[applied], values).first() is not None

    def finish(
        self, task_id: str, ordinal: int, status: OutcomeStatus, at: datetime, cause: Cause | None
    ) -> None:
        """Records how it went; the same status again changes nothing.

        `ValueError` if it cannot become that now; `LookupError` if there is none.
        """
        if status not in FINISH:
            raise ValueError(f"an attempt does not end as {status}")
        the_one = {"task": task_id, "place": ordinal}
        values = {**the_one, "now": at, "why": _json(cause)}
        with self._database.statements() as connection:
            if connection.execute(FINISH[status], values).first() is None:
                row = _found(connection, the_one)
                if row["status"] != status:
                    raise _illegal(row, status)

    def still_trying(self, task_id: str, ordinal: int, cause: Cause) -> None:
        """Notes why a change that is being deployed has not succeeded yet; else changes nothing."""
        values = {"task": task_id, "place": ordinal, "why": _json(cause)}
        with self._database.statements() as connection:
            connection.execute(STILL_TRYING, values)

    def skip(self, task_id: str, only: Sequence[str] | None, at: datetime, cause: Cause) -> int:
        """Marks pending changes skipped, of these resource ids or all; how many there were."""
        skipped = {"status": _S.SKIPPED.value, "ended_at": at, "cause": _json(cause)}
        pending = and_(_T.c.task_id == task_id, _T.c.status == _S.PENDING.value)
        statement = update(_T).where(pending).values(skipped)
        with self._database.write() as session:
            if only is None:
                return _count(session, statement)
            rows = session.execute(select(_T.c.resource_id, _T.c.ordinal).where(pending))
            chosen = set(only)
            ordinals = [ordinal for resource, ordinal in rows if resource in chosen]
            return sum(
                _count(session, statement.where(_T.c.ordinal.in_(batch)))
                for batch in batches(ordinals)
            )

    def abandon(self, task_id: str, at: datetime, cause: Cause) -> int:
        """Fails what was begun and is tried no more, by its own cause if it has one; how many."""
        values = {
            "status": _S.FAILED.value,
            "ended_at": at,
            "cause": func.coalesce(_T.c.cause, bindparam("why", _json(cause), _T.c.cause.type)),
        }
        begun = and_(_T.c.task_id == task_id, _T.c.status == _S.DEPLOYING.value)
        with self._database.write() as session:
            return _count(session, update(_T).where(begun).values(values))

    def first_of_each_store(self, task_id: str, after: int, limit: int) -> list[OutcomeRecord]:
        """The first pending change of each certificate and store, beyond an ordinal, in order."""
        after_it, document = func.min(_T.c.ordinal), _T.c.document
        first = (
            select(after_it)
            .where(_T.c.task_id == task_id, _T.c.status == _S.PENDING.value)
            .where(_FINGERPRINT.is_not(None))
            .group_by(_FINGERPRINT, _T.c.account, document["store"].as_string())
            .having(after_it > after)
            .order_by(after_it)
            .limit(limit)
        )
        the_ones = select(_T).where(_T.c.task_id == task_id, _T.c.ordinal.in_(first))
        with self._database.read() as session:
            rows = session.execute(the_ones.order_by(_T.c.ordinal)).mappings()
            return [_record(row) for row in rows]

    def orders(
        self,
        task_id: str,
        after: int,
        limit: int,
        direction: Direction,
        only: Sequence[str] | None,
        wave: int | None = None,
        *,
        by_itself: Undoing | None = None,
    ) -> list[ChangeOrder]:
        """The next changes to make, in order of the plan, at most `limit`, `only` those resources.

        Those of one `wave`, or of all.
        To deploy: what has not ended. To roll back: what was applied and is not rolled back yet,
        or of that what a task takes back `by_itself`, with the cause to record.
        """
        wanted = TO_DEPLOY if direction is Direction.DEPLOY else TO_ROLL_BACK
        query = (
            select(*_OF_AN_ORDER)
            .where(_T.c.task_id == task_id, _T.c.ordinal > after, wanted)
            .order_by(_T.c.ordinal)
        )
        if wave is not None:
            query = query.where(_T.c.wave == wave)
        if by_itself is not None:
            query = query.where(may_be_undone(by_itself))
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
                    begun_at=row.started_at if direction is Direction.DEPLOY else None,
                    expires_at=row.expires if direction is Direction.DEPLOY else None,
                    why=None if by_itself is None else why_undone(by_itself, row),
                )
                for row in _chosen(rows, chosen, limit)
            ]

    def tally(self, task_id: str) -> Tally:
        """How many there are in each status."""
        with self._database.read() as session:
            return tallies(session, [task_id])[task_id]

    def wave_tallies(self, task_id: str) -> list[Tally]:
        """The same for each of its waves, from the first; empty for a task without changes."""
        with self._database.read() as session:
            return wave_tallies(session, task_id)

    def unknown(self, task_id: str, resource_ids: Sequence[str]) -> list[str]:
        """Those of `resource_ids` that the task does not change, in the order given."""
        query = select(_T.c.resource_id).where(_T.c.task_id == task_id)
        with self._database.read() as session:
            known = set(session.scalars(query))
        return [one for one in resource_ids if one not in known]

    def list(self, task_id: str, status: OutcomeStatus | None = None) -> list[OutcomeRecord]:
        """All changes of a task in order of its plan, or those in one status."""
        query = select(_T).where(_T.c.task_id == task_id).order_by(_T.c.ordinal)
        if status is not None:
            query = query.where(_T.c.status == status.value)
        with self._database.read() as session:
            return [_record(row) for row in session.execute(query).mappings()]


def _found(connection: Connection, the_one: Mapping[str, object]) -> RowMapping:
    row = connection.execute(FIND, the_one).mappings().first()
    if row is None:
        raise LookupError("task {task} has no change {place}".format_map(the_one))
    return row


def _illegal(row: RowMapping, status: OutcomeStatus) -> ValueError:
    which = f"change {row['ordinal']} of task {row['task_id']}"
    return ValueError(f"{which} is {row['status']} and cannot become {status}")


def _record(row: RowMapping) -> OutcomeRecord:
    return OutcomeRecord(
        task_id=row["task_id"],
        ordinal=row["ordinal"],
        change=Change.model_validate(row["document"]),
        wave=row["wave"],
        status=OutcomeStatus(row["status"]),
        applied=row["applied"],
        attempts=row["attempts"],
        cause=row["cause"] and Cause.model_validate(row["cause"]),
        started_at=row["started_at"],
        ended_at=row["ended_at"],
    )


def _json(cause: Cause | None) -> dict[str, Any] | None:
    return None if cause is None else cause.model_dump(mode="json")


def _chosen(rows: Iterable[Any], resource_ids: set[str] | None, limit: int) -> Iterator[Any]:
    """The first rows of these resources: thousands of ids are too many for one statement."""
    return islice((r for r in rows if resource_ids is None or r.resource_id in resource_ids), limit)


def _count(session: Session, statement: Update) -> int:
    return len(session.execute(statement.returning(_T.c.ordinal)).all())
