"""Why the outcomes of a task are not as wanted, grouped: by sets, for a task may have 100,000."""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlmodel import Session

from domain.cause import Cause
from domain.notifications.message import CauseGroup
from domain.tasks.status import OutcomeStatus
from storage.database import Database
from storage.statements import table
from storage.tables.core import ChangeRow
from storage.tables.evidence import AttemptRow

EXAMPLES, MOST_GROUPS, MOST_TRYING = 3, 60, 1000
WRONG = (OutcomeStatus.FAILED, OutcomeStatus.ROLLBACK_FAILED, OutcomeStatus.SKIPPED)
WRONG_WITH_A_CAUSE = (OutcomeStatus.UNVERIFIED, OutcomeStatus.ROLLED_BACK)
"""What was taken back because somebody asked for it has none."""
_UNKNOWN = Cause(code="Unknown", message="no cause is recorded")

_C = table(ChangeRow).c
_CODE = _C.cause["code"].as_string()
_NEEDS = func.coalesce(case((_C.cause["needs_operator"].as_boolean(), 1), else_=0), 0)
_UNDER_WAY = (OutcomeStatus.DEPLOYING.value, OutcomeStatus.ROLLING_BACK.value)
_WELL = (OutcomeStatus.DEPLOYED.value, OutcomeStatus.ROLLED_BACK.value)
_UNVERIFIED = or_(
    _C.status == OutcomeStatus.UNVERIFIED.value,
    and_(_C.status.in_(_WELL), _C.document["unproven"].as_string().is_not(None)),
)
_IS_WRONG = or_(
    _C.status.in_([status.value for status in WRONG]),
    and_(_C.status.in_([status.value for status in WRONG_WITH_A_CAUSE]), _CODE.is_not(None)),
)


class Causes:
    """Asked about one task at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def grouped(self, task_id: str) -> list[CauseGroup]:
        """By status, code and whether somebody has to act: these first, then the largest groups."""
        query = (
            select(_C.status, _CODE.label("code"), _NEEDS.label("needs"), func.count().label("n"))
            .where(_C.task_id == task_id, _IS_WRONG)
            .group_by(_C.status, _CODE, _NEEDS)
            .order_by(_NEEDS.desc(), func.count().desc(), _C.status, _CODE.is_(None), _CODE)
        )
        with self._database.read() as session:
            rows = session.execute(query.limit(MOST_GROUPS)).all()
            return [_group(session, task_id, row) for row in rows]

    def trying(self, task_id: str) -> list[CauseGroup]:
        """Changes under way whose last attempt failed, by the code of that; the largest first."""
        groups: dict[tuple[str, str], CauseGroup] = {}
        with self._database.read() as session:
            for resource, status, told in session.execute(_last_failures(task_id)):
                cause = Cause.model_validate(told)
                known = groups.get((status, cause.code)) or _new(status, cause)
                groups[status, cause.code] = _with(known, resource)
        return sorted(groups.values(), key=lambda each: -each.count)

    def unverified(self, task_id: str) -> int:
        """How many ended well as far as their services say, which no handshake has shown."""
        query = select(func.count()).where(_C.task_id == task_id, _UNVERIFIED)
        with self._database.read() as session:
            return session.scalar(query) or 0


def _last_failures(task_id: str) -> Any:
    attempts = table(AttemptRow).c
    last = select(func.max(attempts.id)).where(attempts.task_id == task_id)
    return (
        select(_C.resource_id, _C.status, attempts.cause)
        .where(_C.task_id == task_id, _C.status.in_(_UNDER_WAY), attempts.ordinal == _C.ordinal)
        .where(attempts.id.in_(last.group_by(attempts.ordinal)))
        .order_by(_C.ordinal)
        .limit(MOST_TRYING)
    )


def _with(group: CauseGroup, resource: str) -> CauseGroup:
    examples = (*group.examples, resource)[:EXAMPLES]
    return group.model_copy(update={"count": group.count + 1, "examples": examples})


def _new(status: str, cause: Cause, count: int = 0, examples: tuple[str, ...] = ()) -> CauseGroup:
    return CauseGroup(
        status=OutcomeStatus(status),
        code=cause.code,
        message=cause.message,
        advice=cause.advice,
        needs_operator=cause.needs_operator,
        count=count,
        examples=examples,
    )


def _group(session: Session, task_id: str, row: Any) -> CauseGroup:
    alike: ColumnElement[bool] = and_(
        _C.task_id == task_id,
        _C.status == row.status,
        _CODE.is_not_distinct_from(row.code),
        row.needs == _NEEDS,
    )
    query = select(_C.resource_id, _C.cause).where(alike).order_by(_C.ordinal).limit(EXAMPLES)
    found = session.execute(query).all()
    told = found[0].cause
    cause = Cause.model_validate(told) if told else _UNKNOWN
    return _new(row.status, cause, row.n, tuple(each.resource_id for each in found))
