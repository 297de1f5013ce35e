"""Groups the problems of a task by cause, in SQL, because a task may have 100,000 changes.

`starter` shows the groups, and messages contain them.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlmodel import Session

from domain.cause import Cause
from domain.notifications.message import CauseGroup
from domain.tasks.status import OutcomeStatus
from storage.database import Database
from storage.statements import get_table
from storage.tables.core import ChangeRow
from storage.tables.evidence import AttemptRow

EXAMPLES, MAX_GROUPS, MAX_RETRYING = 3, 60, 1000
PROBLEMS = (OutcomeStatus.FAILED, OutcomeStatus.ROLLBACK_FAILED, OutcomeStatus.SKIPPED)
PROBLEM_IF_CAUSE = (OutcomeStatus.UNVERIFIED, OutcomeStatus.ROLLED_BACK)
"""A rollback that a person requested has no cause: it is no problem."""
_UNKNOWN = Cause(code="Unknown", message="no cause is recorded")

_C = get_table(ChangeRow).c
_CODE = _C.cause["code"].as_string()
_NEEDS = func.coalesce(case((_C.cause["needs_operator"].as_boolean(), 1), else_=0), 0)
_RUNNING = (OutcomeStatus.DEPLOYING.value, OutcomeStatus.ROLLING_BACK.value)
_SUCCEEDED = (OutcomeStatus.DEPLOYED.value, OutcomeStatus.ROLLED_BACK.value)
_UNVERIFIED = or_(
    _C.status == OutcomeStatus.UNVERIFIED.value,
    and_(_C.status.in_(_SUCCEEDED), _C.document["unverifiable"].as_string().is_not(None)),
)
_IS_PROBLEM = or_(
    _C.status.in_([status.value for status in PROBLEMS]),
    and_(_C.status.in_([status.value for status in PROBLEM_IF_CAUSE]), _CODE.is_not(None)),
)


class CauseGroups:
    """The problems of one task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_groups(self, task_id: str) -> list[CauseGroup]:
        """Problems by status, code and whether an operator must act: these first, then by size."""
        query = (
            select(_C.status, _CODE.label("code"), _NEEDS.label("needs"), func.count().label("n"))
            .where(_C.task_id == task_id, _IS_PROBLEM)
            .group_by(_C.status, _CODE, _NEEDS)
            .order_by(_NEEDS.desc(), func.count().desc(), _C.status, _CODE.is_(None), _CODE)
        )
        with self._database.read() as session:
            rows = session.execute(query.limit(MAX_GROUPS)).all()
            return [_read_group(session, task_id, row) for row in rows]

    def list_retrying(self, task_id: str) -> list[CauseGroup]:
        """Running changes whose last attempt failed, by its code; the largest group first."""
        groups: dict[tuple[str, str], CauseGroup] = {}
        with self._database.read() as session:
            for resource, status, recorded in session.execute(_select_last_failures(task_id)):
                cause = Cause.model_validate(recorded)
                group = groups.get((status, cause.code)) or _build_group(status, cause)
                groups[status, cause.code] = _add_resource(group, resource)
        return sorted(groups.values(), key=lambda each: -each.count)

    def count_unverified(self, task_id: str) -> int:
        """How many changes their services report as done, but no handshake has verified."""
        query = select(func.count()).where(_C.task_id == task_id, _UNVERIFIED)
        with self._database.read() as session:
            return session.scalar(query) or 0


def _select_last_failures(task_id: str) -> Any:
    attempts = get_table(AttemptRow).c
    last = select(func.max(attempts.id)).where(attempts.task_id == task_id)
    return (
        select(_C.resource_id, _C.status, attempts.cause)
        .where(_C.task_id == task_id, _C.status.in_(_RUNNING), attempts.ordinal == _C.ordinal)
        .where(attempts.id.in_(last.group_by(attempts.ordinal)))
        .order_by(_C.ordinal)
        .limit(MAX_RETRYING)
    )


def _add_resource(group: CauseGroup, resource: str) -> CauseGroup:
    examples = (*group.examples, resource)[:EXAMPLES]
    return group.model_copy(update={"count": group.count + 1, "examples": examples})


def _build_group(
    status: str, cause: Cause, count: int = 0, examples: tuple[str, ...] = ()
) -> CauseGroup:
    return CauseGroup(
        status=OutcomeStatus(status),
        code=cause.code,
        message=cause.message,
        advice=cause.advice,
        needs_operator=cause.needs_operator,
        count=count,
        examples=examples,
    )


def _read_group(session: Session, task_id: str, row: Any) -> CauseGroup:
    in_group: ColumnElement[bool] = and_(
        _C.task_id == task_id,
        _C.status == row.status,
        _CODE.is_not_distinct_from(row.code),
        row.needs == _NEEDS,
    )
    query = select(_C.resource_id, _C.cause).where(in_group).order_by(_C.ordinal).limit(EXAMPLES)
    found = session.execute(query).all()
    recorded = found[0].cause
    cause = Cause.model_validate(recorded) if recorded else _UNKNOWN
    return _build_group(row.status, cause, row.n, tuple(each.resource_id for each in found))
