"""The statements that run once or more per change of every task, built once.

A move finds its row only where it is legal, so that it is checked and done in one step.
Parameters: `task`, `place` (the ordinal), `now`, and `why` (the cause as JSON) to finish.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, true, update
from sqlalchemy.sql.dml import ReturningUpdate

from domain.cause import Cause
from domain.tasks.retry import Undoing
from domain.tasks.status import OutcomeStatus, may_follow
from storage.statements import table
from storage.tables.core import ChangeRow

CHANGE = table(ChangeRow)
_S, _C = OutcomeStatus, CHANGE.c
_CODE = _C.cause["code"].as_string()
_DRIFTED = and_(_C.status == _S.FAILED.value, _CODE == "Drifted")
_THE_ONE = and_(_C.task_id == bindparam("task"), _C.ordinal == bindparam("place"))
_NOW = bindparam("now", type_=_C.ended_at.type)

FIND = select(CHANGE).where(_THE_ONE)

MARK_APPLIED = {
    applied: update(CHANGE).where(_THE_ONE).values(applied=applied).returning(_C.ordinal)
    for applied in (True, False)
}

STILL_TRYING = (
    update(CHANGE)
    .where(_THE_ONE, _C.status == _S.DEPLOYING.value)
    .values(cause=bindparam("why", type_=_C.cause.type))
)

# Of one attempt only: one that comes late, after another or after the end, changes nothing.
_ITS_OWN = and_(
    _THE_ONE,
    _C.attempts == bindparam("attempt"),
    _C.status.in_([_S.DEPLOYING.value, _S.ROLLING_BACK.value]),
)

MARK_APPLIED_BY = {
    applied: update(CHANGE).where(_ITS_OWN).values(applied=applied).returning(_C.ordinal)
    for applied in (True, False)
}

TO_DEPLOY = _C.status.in_([_S.PENDING.value, _S.DEPLOYING.value])

_UNDER_WAY = (_S.PENDING, _S.DEPLOYING, _S.ROLLING_BACK)

_TAKEN_BACK = (_S.DEPLOYED, _S.UNVERIFIED, _S.FAILED, _S.ROLLING_BACK, _S.ROLLBACK_FAILED)

TO_ROLL_BACK = and_(
    _C.applied,
    _C.status.in_([s.value for s in _TAKEN_BACK]),
)


def _begin(status: OutcomeStatus) -> ReturningUpdate[*tuple[object, ...]]:
    before = [s.value for s in _S if may_follow(s, status)]
    return (
        update(CHANGE)
        .where(_THE_ONE, _C.status.in_(before))
        .values(
            status=status.value,
            attempts=_C.attempts + 1,
            started_at=func.coalesce(_C.started_at, _NOW),
        )
        .returning(*_C)
    )


def _finish(status: OutcomeStatus) -> ReturningUpdate[*tuple[object, ...]]:
    # Of an attempt only: what has ended well is not failed by an attempt that comes late.
    before = [s.value for s in _UNDER_WAY if s is not status and may_follow(s, status)]
    return (
        update(CHANGE)
        .where(_THE_ONE, _C.status.in_(before))
        .values(
            status=status.value,
            ended_at=_NOW,
            cause=bindparam("why", type_=_C.cause.type),
            deployed=true() if status in (_S.DEPLOYED, _S.UNVERIFIED) else _C.deployed,
        )
        .returning(_C.ordinal)
    )


BEGIN = {status: _begin(status) for status in (_S.DEPLOYING, _S.ROLLING_BACK)}
FINISH = {
    status: _finish(status)
    for status in (
        _S.DEPLOYED,
        _S.UNVERIFIED,
        _S.FAILED,
        _S.SKIPPED,
        _S.ROLLED_BACK,
        _S.ROLLBACK_FAILED,
    )
}


def may_be_undone(undoing: Undoing) -> ColumnElement[bool]:
    """The condition beside that of any rollback."""
    mine = and_(_C.round == undoing.round, ~_DRIFTED)
    one_way = _C.document["not_reversible"].as_string()
    has_way_back = or_(one_way.is_(None), one_way == "")
    if undoing.reason is not None:
        return and_(mine, or_(_C.status != _S.FAILED.value, has_way_back))
    failed = _C.status.in_([_S.FAILED.value, _S.ROLLING_BACK.value])
    return and_(mine, failed, has_way_back)


def why_undone(undoing: Undoing, row: Any) -> Cause | None:
    """Why it is taken back: because it failed, else because all of its wave is."""
    failed = row.status in (_S.FAILED, _S.ROLLING_BACK) and row.cause is not None
    if undoing.reason is not None and not failed:
        return undoing.reason
    return Cause.model_validate(row.cause) if failed else None
