"""Reads a task's waves and reopens changes for a retry; activities call it.

Round 0 of a task is its first run; each retry begins the next round.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlmodel import Session

from domain.cause import Cause
from domain.rollout.policy import RolloutPolicy, count_allowed_failures
from domain.rollout.stage import WaveFacts
from domain.tasks.retry import ROLLED_BACK_WITH_WAVE, ReopenedChanges, may_retry
from domain.tasks.status import OUTCOME_TRANSITIONS, OutcomeStatus
from storage.database import Database
from storage.quota import reserve_round
from storage.statements import batches
from storage.tasks.outcome_statements import CHANGE

_S, _C = OutcomeStatus, CHANGE.c
_RETRYABLE = [each.value for each in _S if _S.PENDING in OUTCOME_TRANSITIONS[each]]
_FAILED_AND_ROLLED_BACK = and_(
    _C.status.in_([_S.ROLLING_BACK.value, _S.ROLLED_BACK.value]),
    _C.cause["rolled_back"].as_boolean(),
    _C.cause["code"].as_string() != ROLLED_BACK_WITH_WAVE,
)


class Retries:
    """The rounds of tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_wave_facts(
        self, task_id: str, round_number: int, wave: int, rollout: RolloutPolicy
    ) -> WaveFacts:
        """Counts the changes and failures of a wave in this round, for the failure budget.

        The canary has a budget of its own; all other waves share one.
        """
        in_round = and_(_C.task_id == task_id, _C.round == round_number)
        scope = in_round
        if rollout.has_canary:
            scope = and_(in_round, _C.wave == 0 if wave == 0 else _C.wave > 0)
        with self._database.read() as session:
            total = _count(session, scope)
            return WaveFacts(
                changes=_count(session, and_(in_round, _C.wave == wave)),
                failed=_count(session, and_(scope, _is_failure(rollout))),
                total=total,
                allowed=count_allowed_failures(rollout, wave, total),
            )

    def reopen(
        self, task_id: str, round_number: int, only: Sequence[str] | None, at: datetime
    ) -> ReopenedChanges:
        """Makes the changes that may be retried PENDING and reserves quota for them, or neither.

        `only` restricts them to resource ids. Changes that were charged once are not charged
        again. A second call for the same round changes nothing and returns the same. Raises
        `BadInput` if there is too little quota.
        """
        with self._database.write() as session:
            ordinals = _list_retryable(session, task_id, round_number, only)
            statement = update(CHANGE).where(_C.task_id == task_id)
            for batch in batches(ordinals):
                reopened = statement.where(_C.ordinal.in_(batch))
                session.execute(reopened.values(_build_pending_values(round_number)))
            in_round = and_(_C.task_id == task_id, _C.round == round_number)
            changes, unpaid = _count(session, in_round), and_(in_round, ~_C.deployed)
            cost = session.execute(select(func.sum(_C.cost)).where(unpaid)).scalar() or 0
            reserve_round(session, task_id, round_number, cost, at)
            return ReopenedChanges(changes=changes, cost=cost)


def _build_pending_values(round_number: int) -> dict[str, object]:
    """The columns of a reopened change. A change that was rolled back counts as not applied."""
    return {
        "status": _S.PENDING.value,
        "round": round_number,
        "applied": and_(_C.applied, _C.status != _S.ROLLED_BACK.value),
        "cause": None,
        "started_at": None,
        "ended_at": None,
    }


def _list_retryable(
    session: Session, task_id: str, round_number: int, only: Sequence[str] | None
) -> list[int]:
    """The ordinals of the changes that this round retries and has not reopened yet."""
    query = select(_C.ordinal, _C.resource_id, _C.status, _C.cause).where(
        _C.task_id == task_id, _C.round != round_number, _C.status.in_(_RETRYABLE)
    )
    chosen = None if only is None else set(only)
    return [
        row.ordinal
        for row in session.execute(query)
        if (chosen is None or row.resource_id in chosen)
        and may_retry(_S(row.status), row.cause and Cause.model_validate(row.cause))
    ]


def _is_failure(rollout: RolloutPolicy) -> ColumnElement[bool]:
    """Selects what counts against a failure budget, also changes rolled back after a failure."""
    counted = [_S.FAILED.value, _S.ROLLBACK_FAILED.value]
    if not rollout.accept_unverified:
        counted.append(_S.UNVERIFIED.value)
    return or_(_C.status.in_(counted), _FAILED_AND_ROLLED_BACK)


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    query = select(func.count()).select_from(CHANGE).where(condition)
    return session.execute(query).scalar() or 0
