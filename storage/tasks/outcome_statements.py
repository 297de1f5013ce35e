"""Defines the SQL statements on changes, built once because they run for each change of a task.

`storage.tasks.outcomes` and its neighbours execute them. An UPDATE selects its row only in a status
from which the transition is legal, so that one statement checks and changes it. Parameters: `task`,
`number` (the ordinal), `now`, `attempt` (its number) and `new_cause` (as JSON). No parameter
may have the name of a column.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, true, update
from sqlalchemy.sql.dml import ReturningUpdate

from domain.cause import Cause
from domain.tasks.retry import AutomaticRollback
from domain.tasks.status import OutcomeStatus, may_become
from storage.statements import get_table
from storage.tables.core import ChangeRow

CHANGE = get_table(ChangeRow)
_S, _C = OutcomeStatus, CHANGE.c
_CODE = _C.cause["code"].as_string()
_DRIFTED = and_(_C.status == _S.FAILED.value, _CODE == "Drifted")
_ONE_CHANGE = and_(_C.task_id == bindparam("task"), _C.ordinal == bindparam("number"))
_NOW = bindparam("now", type_=_C.ended_at.type)

FIND = select(CHANGE).where(_ONE_CHANGE)

RECORD_CAUSE = (
    update(CHANGE)
    .where(_ONE_CHANGE, _C.status == _S.DEPLOYING.value)
    .values(cause=bindparam("new_cause", type_=_C.cause.type))
)

# Only while this attempt runs: one that comes late, after another one or the end, changes nothing.
_RUNNING_ATTEMPT = and_(
    _ONE_CHANGE,
    _C.attempts == bindparam("attempt"),
    _C.status.in_([_S.DEPLOYING.value, _S.ROLLING_BACK.value]),
)

MARK_APPLIED = {
    applied: update(CHANGE).where(_RUNNING_ATTEMPT).values(applied=applied).returning(_C.ordinal)
    for applied in (True, False)
}

TO_DEPLOY = _C.status.in_([_S.PENDING.value, _S.DEPLOYING.value])

_UNFINISHED = (_S.PENDING, _S.DEPLOYING, _S.ROLLING_BACK)

_TO_ROLL_BACK = (_S.DEPLOYED, _S.UNVERIFIED, _S.FAILED, _S.ROLLING_BACK, _S.ROLLBACK_FAILED)

TO_ROLL_BACK = and_(
    _C.applied,
    _C.status.in_([s.value for s in _TO_ROLL_BACK]),
)


def _begin(status: OutcomeStatus) -> ReturningUpdate[*tuple[object, ...]]:
    before = [s.value for s in _S if may_become(s, status)]
    return (
        update(CHANGE)
        .where(_ONE_CHANGE, _C.status.in_(before))
        .values(
            status=status.value,
            attempts=_C.attempts + 1,
            started_at=func.coalesce(_C.started_at, _NOW),
        )
        .returning(*_C)
    )


def _finish(status: OutcomeStatus) -> ReturningUpdate[*tuple[object, ...]]:
    # Only unfinished changes: a late attempt does not fail a change that ended well.
    before = [s.value for s in _UNFINISHED if s is not status and may_become(s, status)]
    return (
        update(CHANGE)
        .where(_ONE_CHANGE, _C.status.in_(before))
        .values(
            status=status.value,
            ended_at=_NOW,
            cause=bindparam("new_cause", type_=_C.cause.type),
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


def is_rolled_back_by(rollback: AutomaticRollback) -> ColumnElement[bool]:
    """Selects the changes that an automatic rollback includes, among those of any rollback."""
    in_round = and_(_C.round == rollback.round, ~_DRIFTED)
    not_reversible = _C.document["not_reversible"].as_string()
    reversible = or_(not_reversible.is_(None), not_reversible == "")
    if rollback.reason is not None:
        return and_(in_round, or_(_C.status != _S.FAILED.value, reversible))
    failed = _C.status.in_([_S.FAILED.value, _S.ROLLING_BACK.value])
    return and_(in_round, failed, reversible)


def build_rollback_cause(rollback: AutomaticRollback, row: Any) -> Cause | None:
    """Why a change is rolled back: its own failure, or the reason for which its wave is."""
    failed = row.status in (_S.FAILED, _S.ROLLING_BACK) and row.cause is not None
    if rollback.reason is not None and not failed:
        return rollback.reason
    return Cause.model_validate(row.cause) if failed else None
