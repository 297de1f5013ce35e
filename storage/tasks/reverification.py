"""Changes that are looked at once more after they ended: which there are, what becomes of them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, func, select, true, update

from domain.cause import Cause
from domain.plans.plan import Change
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from storage.database import Database
from storage.tasks.outcome_statements import CHANGE

_S, _C = OutcomeStatus, CHANGE.c
_THE_ONE = and_(_C.task_id == bindparam("task"), _C.ordinal == bindparam("place"))
THERE = (_S.DEPLOYED, _S.UNVERIFIED)

# What is being taken back by now is somebody else's: only what is still there is moved.
_FAIL = (
    update(CHANGE)
    .where(_THE_ONE, _C.status.in_([status.value for status in THERE]))
    .values(
        status=_S.FAILED.value,
        ended_at=bindparam("now", type_=_C.ended_at.type),
        cause=bindparam("why", type_=_C.cause.type),
    )
    .returning(_C.ordinal)
)
_VERIFY = (
    update(CHANGE)
    .where(_THE_ONE, _C.status == _S.UNVERIFIED.value)
    .values(
        status=_S.DEPLOYED.value,
        ended_at=bindparam("now", type_=_C.ended_at.type),
        cause=None,
        deployed=true(),
    )
    .returning(_C.ordinal)
)


class SecondLooks:
    """Moves from one end to another, which attempts never make. Quota stays as it was charged."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def there(self, task_id: str, wave: int | None, after: int, limit: int) -> list[OutcomeRecord]:
        """The next deployed or unverified changes beyond an ordinal, of one wave or of all."""
        query = (
            select(CHANGE)
            .where(_C.task_id == task_id, _C.ordinal > after)
            .where(_C.status.in_([status.value for status in THERE]))
            .order_by(_C.ordinal)
            .limit(limit)
        )
        if wave is not None:
            query = query.where(_C.wave == wave)
        with self._database.read() as session:
            rows = session.execute(query).mappings().all()
        return [
            OutcomeRecord(
                **{each: row[each] for each in KEPT},
                change=Change.model_validate(row["document"]),
            )
            for row in rows
        ]

    def fail(self, task_id: str, ordinal: int, at: datetime, cause: Cause) -> bool:
        """What was there is not any more; False where it has moved on meanwhile."""
        why = cause.model_dump(mode="json")
        values = {"task": task_id, "place": ordinal, "now": at, "why": why}
        with self._database.statements() as connection:
            return connection.execute(_FAIL, values).first() is not None

    def verify(self, task_id: str, ordinal: int, at: datetime) -> bool:
        """What was unverified is shown now; False where it has moved on meanwhile."""
        values = {"task": task_id, "place": ordinal, "now": at}
        with self._database.statements() as connection:
            return connection.execute(_VERIFY, values).first() is not None

    def counts(self, task_id: str, wave: int | None, code: str) -> dict[OutcomeStatus, int]:
        """How many are there now, and how many failed with this cause's code."""
        failed = and_(_C.status == _S.FAILED.value, _C.cause["code"].as_string() == code)
        query = select(
            *(func.count().filter(_C.status == status.value) for status in THERE),
            func.count().filter(failed),
        ).where(_C.task_id == task_id)
        if wave is not None:
            query = query.where(_C.wave == wave)
        with self._database.read() as session:
            row: Sequence[int] = session.execute(query).one()
        return dict(zip((*THERE, _S.FAILED), row, strict=True))


KEPT = (
    "task_id",
    "ordinal",
    "wave",
    "status",
    "applied",
    "attempts",
    "cause",
    "started_at",
    "ended_at",
)
