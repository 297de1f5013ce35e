"""What a task takes back by itself: what failed, or all of a wave that failed too often."""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_

from domain.retrying import Undoing
from domain.status import OutcomeStatus
from domain.task import Cause
from storage.outcome_statements import CHANGE

_S, _C = OutcomeStatus, CHANGE.c
_CODE = _C.cause["code"].as_string()
_DRIFTED = and_(_C.status == _S.FAILED.value, _CODE == "Drifted")


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
