"""What the expiry view asks the database, built once; all of it by sets, nothing by row."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select

from domain.model import Value
from domain.tasks.status import OutcomeStatus
from storage.statements import table
from storage.tables.core import CertificateRow, ChangeRow, ResourceRow, TaskRow
from storage.tables.evidence import EdgeDriftRow
from storage.tables.planning import SyncRow

_S = OutcomeStatus
_R, _C = table(ResourceRow).c, table(CertificateRow).c

WITH_OURS = table(ResourceRow).outerjoin(table(CertificateRow), _C.fingerprint == _R.serves)
"""Resources beside our own copy of what they serve, where we have it."""

THERE = _R.vanished_at.is_(None)
SERVING = and_(THERE, _R.binding_known, _R.binding.is_not(None))
UNTIL = func.coalesce(_R.not_after, _C.not_after)
UNMANAGED = and_(SERVING, _R.serves.is_not(None), _C.fingerprint.is_(None))

# A name tells certificates apart only where there is no fingerprint: nothing else is taken out of
# a binding's JSON for each of many rows.
_LONE_NAME = case((_R.serves.is_(None), _R.binding["name"].as_string()))
_LONE_UNTIL = case((_R.serves.is_(None), _R.not_after))
UNKNOWN = and_(
    THERE,
    or_(
        not_(_R.binding_known),
        and_(SERVING, UNTIL.is_(None)),
        and_(SERVING, _R.serves.is_(None), _LONE_NAME.is_(None)),
    ),
)


class Scope(Value):
    """Which part of what is served is asked for; all of it by default."""

    account: str | None = None
    service: str | None = None
    before: datetime | None = None
    unmanaged: bool = False


def within(scope: Scope, *, of: ColumnElement[bool] = SERVING) -> ColumnElement[bool]:
    """The condition for it. A time that is not known is before none."""
    chosen = [of]
    if scope.account is not None:
        chosen.append(_R.account == scope.account)
    if scope.service is not None:
        chosen.append(_R.service == scope.service)
    if scope.before is not None:
        chosen.append(scope.before > UNTIL)
    if scope.unmanaged:
        chosen.append(UNMANAGED)
    return and_(*chosen)


_KEY = (_R.serves, _LONE_NAME.label("name"), _LONE_UNTIL.label("lone_until"))
"""What tells one certificate from another."""


def soonest(scope: Scope, limit: int) -> Any:
    """The first so many certificates, each with how many there are of all (`total`)."""
    until, sample = func.min(UNTIL), func.min(_R.id)
    return (
        select(*_KEY, func.count().over().label("total"))
        .select_from(WITH_OURS)
        .where(within(scope))
        .group_by(_R.serves, _LONE_NAME, _LONE_UNTIL)
        .order_by(until.is_(None), until, sample)
        .limit(limit)
    )


def groups(scope: Scope, only: Iterable[Any] | None = None) -> Any:
    """One row per certificate, account and service; `told` is what one of the resources says.

    `only` are rows of `soonest`: of what has no fingerprint there may be more than these.
    """
    chosen = within(scope)
    if only is not None:
        known, lone = _R.serves.in_({row.serves for row in only}), _R.serves.is_(None)
        chosen = and_(chosen, or_(known, lone))
    found = (
        select(
            *_KEY,
            _R.account,
            _R.service,
            func.count().label("resources"),
            func.min(_R.id).label("sample"),
            func.min(UNTIL).label("until"),
        )
        .select_from(WITH_OURS)
        .where(chosen)
        .group_by(_R.serves, _LONE_NAME, _LONE_UNTIL, _R.account, _R.service)
        .subquery()
    )
    same = table(ResourceRow).alias("sampled")
    return select(found, same.c.binding.label("told")).where(same.c.id == found.c.sample)


def one_by_one(scope: Scope) -> Any:
    """One row per resource, soonest first, unknown times last."""
    until = UNTIL.label("until")
    return (
        select(
            _R.id,
            _R.account,
            _R.service,
            _R.document["domains"].label("domains"),
            _R.serves,
            _R.binding,
            until,
        )
        .select_from(WITH_OURS)
        .where(within(scope))
        .order_by(UNTIL.is_(None), UNTIL, _R.id)
    )


def unknown(scope: Scope) -> Any:
    """One row per resource of which something is not known, with the error of its last sync."""
    sync = table(SyncRow)
    source = WITH_OURS.outerjoin(
        sync, and_(sync.c.account == _R.account, sync.c.service == _R.service)
    )
    return (
        select(_R.id, _R.account, _R.service, _R.binding_known, _R.binding, _R.serves, sync.c.error)
        .select_from(source)
        .where(within(scope, of=UNKNOWN))
        .order_by(_R.id)
    )


_THERE = (_S.DEPLOYED.value, _S.UNVERIFIED.value)
_LAST = (*_THERE, _S.DEPLOYING.value, _S.ROLLING_BACK.value)


def drifted(scope: Scope) -> Any:
    """One row per resource that serves something else than our last deployment there left.

    Its service says so, or a handshake has shown it since (`at_edge`, and what is seen there).
    Only what was seen after that deployment counts. Where a change is being made right now, what
    is served is about to be another thing anyway.
    """
    last, tasks, edge = last_changes(), table(TaskRow).c, table(EdgeDriftRow)
    seen = func.coalesce(_R.read_at, _R.seen_at)
    facts = (last.after.label("deployed"), last.task_id, tasks.name.label("task_name"))
    differs = or_(_R.binding.is_(None), _R.serves != last.after)
    told = and_(_R.binding_known, seen > last.ended_at, differs)
    at_edge = and_(edge.c.task_id == last.task_id, edge.c.seen_at > last.ended_at)
    shown = (edge.c.seen.label("shown"), edge.c.address, edge.c.problem, edge.c.seen_at)
    return (
        select(
            *(_R.id, _R.account, _R.service, _R.serves, _R.binding, UNTIL.label("until")),
            *(*facts, last.ended_at, seen.label("seen")),
            *(*shown, and_(at_edge, not_(func.coalesce(told, false()))).label("at_edge")),
        )
        .select_from(WITH_OURS.outerjoin(edge, edge.c.resource_id == _R.id))
        .where(last.resource_id == _R.id, tasks.id == last.task_id)
        .where(last.place == 1, last.status.in_(_THERE))
        .where(within(scope, of=THERE), or_(told, at_edge))
        .order_by(_R.id)
    )


def last_there() -> Any:
    """The last deployment of each resource that is not gone, where nothing is under way."""
    last = last_changes()
    return (
        select(last.resource_id, last.task_id, last.ordinal)
        .where(last.resource_id == _R.id, THERE)
        .where(last.place == 1, last.status.in_(_THERE))
    )


def last_changes() -> Any:
    """Columns of the changes that say what a resource should serve, its newest in `place` 1."""
    each = table(ChangeRow).c
    under_way_first = (each.status.in_(_THERE), each.ended_at.desc())
    place = func.row_number().over(partition_by=each.resource_id, order_by=under_way_first)
    facts = (each.resource_id, each.task_id, each.ordinal, each.status, each.after, each.ended_at)
    return select(*facts, place.label("place")).where(each.status.in_(_LAST)).subquery().c


COUNTS = (
    select(
        func.count().label("resources"),
        func.count().filter(UNKNOWN).label("unknown"),
        func.count().filter(UNMANAGED).label("unmanaged"),
    )
    .select_from(WITH_OURS)
    .where(THERE)
)
