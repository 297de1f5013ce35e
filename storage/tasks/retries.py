"""Rounds of a task: its waves as they stand in the present one, and what a retry takes up again."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session

from domain.cause import Cause
from domain.rollout.policy import Rollout, allowed
from domain.rollout.stage import WaveFacts
from domain.tasks.retry import TAKEN_BACK, Reopened, may_be_retried
from domain.tasks.status import OUTCOME_TRANSITIONS, OutcomeStatus
from storage.database import Database
from storage.quota import reserve_round
from storage.statements import batches
from storage.tasks.outcome_statements import CHANGE

_S, _C = OutcomeStatus, CHANGE.c
_MAY_BE_RETRIED = [each.value for each in _S if _S.PENDING in OUTCOME_TRANSITIONS[each]]
_UNDONE = and_(
    _C.status.in_([_S.ROLLING_BACK.value, _S.ROLLED_BACK.value]),
    _C.cause["taken_back"].as_boolean(),
    _C.cause["code"].as_string() != TAKEN_BACK,
)


class Rounds:
    """By task; round 0 is the first, each retry begins another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(self, task_id: str, turn: int, wave: int, rollout: Rollout) -> WaveFacts:
        """How a wave of the present round stands against the budget that holds for it."""
        mine = and_(_C.task_id == task_id, _C.round == turn)
        scope = mine
        if rollout.has_canary:
            scope = and_(mine, _C.wave == 0 if wave == 0 else _C.wave > 0)
        with self._database.read() as session:
            total = _count(session, scope)
            return WaveFacts(
                changes=_count(session, and_(mine, _C.wave == wave)),
                failed=_count(session, and_(scope, _failed(rollout))),
                total=total,
                borne=allowed(rollout, wave, total),
            )

    def reopen(self, task_id: str, turn: int, only: Sequence[str] | None, at: datetime) -> Reopened:
        """Lets what may be retried wait again, and reserves quota for it: both or neither.

        Of these resource ids, or of all. What was charged once is not charged again. `BadInput` for
        too little quota. Once for each round: again, it answers the same.
        """
        with self._database.write() as session:
            ordinals = _retried(session, task_id, turn, only)
            again = update(CHANGE).where(_C.task_id == task_id)
            for batch in batches(ordinals):
                session.execute(again.where(_C.ordinal.in_(batch)).values(_waits(turn)))
            mine = and_(_C.task_id == task_id, _C.round == turn)
            changes, unpaid = _count(session, mine), and_(mine, ~_C.deployed)
            cost = session.execute(select(func.sum(_C.cost)).where(unpaid)).scalar() or 0
            reserve_round(session, task_id, turn, cost, at)
            return Reopened(changes=changes, cost=cost)


def _waits(turn: int) -> dict[str, object]:
    """A change that waits again. What was taken back is as if nothing had been applied."""
    return {
        "status": _S.PENDING.value,
        "round": turn,
        "applied": and_(_C.applied, _C.status != _S.ROLLED_BACK.value),
        "cause": None,
        "started_at": None,
        "ended_at": None,
    }


def _retried(session: Session, task_id: str, turn: int, only: Sequence[str] | None) -> list[int]:
    query = select(_C.ordinal, _C.resource_id, _C.status, _C.cause).where(
        _C.task_id == task_id, _C.round != turn, _C.status.in_(_MAY_BE_RETRIED)
    )
    chosen = None if only is None else set(only)
    return [
        row.ordinal
        for row in session.execute(query)
        if (chosen is None or row.resource_id in chosen)
        and may_be_retried(_S(row.status), row.cause and Cause.model_validate(row.cause))
    ]


def _failed(rollout: Rollout) -> ColumnElement[bool]:
    """What counts against a budget: also what was taken back because it failed."""
    counted = [_S.FAILED.value, _S.ROLLBACK_FAILED.value]
    if not rollout.accept_unverified:
        counted.append(_S.UNVERIFIED.value)
    return or_(_C.status.in_(counted), _UNDONE)


def _count(session: Session, which: ColumnElement[bool]) -> int:
    return session.execute(select(func.count()).select_from(CHANGE).where(which)).scalar() or 0
