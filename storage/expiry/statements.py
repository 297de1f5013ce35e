"""Builds the queries of the expiry view and of drift; the modules of this folder run them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select

from domain.model import Value
from domain.tasks.status import OutcomeStatus
from storage.statements import get_table
from storage.tables.core import CertificateRow, ChangeRow, ResourceRow, TaskRow
from storage.tables.evidence import EdgeDriftRow
from storage.tables.planning import SyncRow

_S = OutcomeStatus
_R, _C = get_table(ResourceRow).c, get_table(CertificateRow).c

RESOURCES_AND_CERTIFICATES = get_table(ResourceRow).outerjoin(
    get_table(CertificateRow), _C.fingerprint == _R.serves
)
"""Resources, joined with our own copy of the certificate that they serve."""

NOT_VANISHED = _R.vanished_at.is_(None)
SERVING = and_(NOT_VANISHED, _R.binding_known, _R.binding.is_not(None))
UNTIL = func.coalesce(_R.not_after, _C.not_after)
UNMANAGED = and_(SERVING, _R.serves.is_not(None), _C.fingerprint.is_(None))

# Certificates without a fingerprint are distinguished by name. Only these names are read from the
# binding's JSON, because that is slow for many rows.
_LONE_NAME = case((_R.serves.is_(None), _R.binding["name"].as_string()))
_LONE_UNTIL = case((_R.serves.is_(None), _R.not_after))
UNKNOWN = and_(
    NOT_VANISHED,
    or_(
        not_(_R.binding_known),
        and_(SERVING, UNTIL.is_(None)),
        and_(SERVING, _R.serves.is_(None), _LONE_NAME.is_(None)),
    ),
)


class Scope(Value):
    """Filters of the expiry view; by default everything."""

    account: str | None = None
    service: str | None = None
    before: datetime | None = None
    unmanaged: bool = False


def is_in_scope(scope: Scope, *, of: ColumnElement[bool] = SERVING) -> ColumnElement[bool]:
    """Selects resources in a scope. An unknown expiry is not before any time."""
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
"""The columns that identify a certificate."""


def select_soonest(scope: Scope, limit: int) -> Any:
    """The first `limit` certificates by expiry, each with the number of all (`total`)."""
    until, sample = func.min(UNTIL), func.min(_R.id)
    return (
        select(*_KEY, func.count().over().label("total"))
        .select_from(RESOURCES_AND_CERTIFICATES)
        .where(is_in_scope(scope))
        .group_by(_R.serves, _LONE_NAME, _LONE_UNTIL)
        .order_by(until.is_(None), until, sample)
        .limit(limit)
    )


def select_groups(scope: Scope, only: Iterable[Any] | None = None) -> Any:
    """One row for each certificate, account and service; `binding` is that of one resource.

    `only` are rows of `select_soonest`. The result may have more certificates without fingerprint.
    """
    chosen = is_in_scope(scope)
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
        .select_from(RESOURCES_AND_CERTIFICATES)
        .where(chosen)
        .group_by(_R.serves, _LONE_NAME, _LONE_UNTIL, _R.account, _R.service)
        .subquery()
    )
    same = get_table(ResourceRow).alias("sampled")
    return select(found, same.c.binding).where(same.c.id == found.c.sample)


def select_resources(scope: Scope) -> Any:
    """One row for each resource by expiry, unknown expiries last."""
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
        .select_from(RESOURCES_AND_CERTIFICATES)
        .where(is_in_scope(scope))
        .order_by(UNTIL.is_(None), UNTIL, _R.id)
    )


def select_unknown(scope: Scope) -> Any:
    """One row for each resource with unknown facts, with the error of its last sync."""
    sync = get_table(SyncRow)
    source = RESOURCES_AND_CERTIFICATES.outerjoin(
        sync, and_(sync.c.account == _R.account, sync.c.service == _R.service)
    )
    return (
        select(_R.id, _R.account, _R.service, _R.binding_known, _R.binding, _R.serves, sync.c.error)
        .select_from(source)
        .where(is_in_scope(scope, of=UNKNOWN))
        .order_by(_R.id)
    )


_DEPLOYED = (_S.DEPLOYED.value, _S.UNVERIFIED.value)
_LAST = (*_DEPLOYED, _S.DEPLOYING.value, _S.ROLLING_BACK.value)


def select_drifted(scope: Scope) -> Any:
    """One row for each resource with drift from its last deployment.

    Its service reports the drift, or a handshake observed it (`at_edge`, with `observed`). Only
    observations after the deployment count. Resources with a running change are left out.
    """
    last, tasks, edge = select_last_changes(), get_table(TaskRow).c, get_table(EdgeDriftRow)
    reported_at = func.coalesce(_R.read_at, _R.seen_at)
    facts = (last.after.label("deployed"), last.task_id, tasks.name.label("task_name"))
    differs = or_(_R.binding.is_(None), _R.serves != last.after)
    reported = and_(_R.binding_known, reported_at > last.ended_at, differs)
    at_edge = and_(edge.c.task_id == last.task_id, edge.c.observed_at > last.ended_at)
    observed = (edge.c.observed, edge.c.address, edge.c.problem, edge.c.observed_at)
    return (
        select(
            *(_R.id, _R.account, _R.service, _R.serves, _R.binding, UNTIL.label("until")),
            *(*facts, last.ended_at, reported_at.label("reported_at")),
            *(*observed, and_(at_edge, not_(func.coalesce(reported, false()))).label("at_edge")),
        )
        .select_from(RESOURCES_AND_CERTIFICATES.outerjoin(edge, edge.c.resource_id == _R.id))
        .where(last.resource_id == _R.id, tasks.id == last.task_id)
        .where(last.rank == 1, last.status.in_(_DEPLOYED))
        .where(is_in_scope(scope, of=NOT_VANISHED), or_(reported, at_edge))
        .order_by(_R.id)
    )


def select_last_deployments() -> Any:
    """The last deployment of each resource, without vanished ones and running changes."""
    last = select_last_changes()
    return (
        select(last.resource_id, last.task_id, last.ordinal)
        .where(last.resource_id == _R.id, NOT_VANISHED)
        .where(last.rank == 1, last.status.in_(_DEPLOYED))
    )


def select_last_changes() -> Any:
    """The changes that say what a resource should serve; its newest one has `rank` 1."""
    each = get_table(ChangeRow).c
    running_first = (each.status.in_(_DEPLOYED), each.ended_at.desc())
    rank = func.row_number().over(partition_by=each.resource_id, order_by=running_first)
    facts = (each.resource_id, each.task_id, each.ordinal, each.status, each.after, each.ended_at)
    return select(*facts, rank.label("rank")).where(each.status.in_(_LAST)).subquery().c


COUNTS = (
    select(
        func.count().label("resources"),
        func.count().filter(UNKNOWN).label("unknown"),
        func.count().filter(UNMANAGED).label("unmanaged"),
    )
    .select_from(RESOURCES_AND_CERTIFICATES)
    .where(NOT_VANISHED)
)
