"""Answers which resource serves which certificate until when, over all accounts.

`starter`, metrics and the expiry watch call it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from domain.certificates.expiry import (
    Drift,
    OwnCertificate,
    ResourceCounts,
    ServedCertificate,
    ServiceCount,
    ServingResource,
    SuccessorIndex,
    UnknownExpiry,
)
from domain.certificates.validation import get_common_name
from storage.database import Database
from storage.expiry import statements
from storage.expiry.statements import Scope
from storage.listing import Listed, count_rows, fetch_first
from storage.statements import get_table
from storage.tables.core import CertificateRow, TaskRow

__all__ = ["ExpiryView", "Scope"]

EVERYTHING = Scope()


class ExpiryView:
    """The expiry view, as of the last sync, without vanished resources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_certificates(
        self, scope: Scope = EVERYTHING, limit: int | None = None
    ) -> Listed[ServedCertificate]:
        """The served certificates by expiry, unknown expiries last."""
        with self._database.read() as session:
            first = None
            if limit is not None:
                first = session.execute(statements.select_soonest(scope, limit)).all()
            by_key: dict[Any, list[Any]] = {}
            for row in session.execute(statements.select_groups(scope, first)):
                by_key.setdefault(_to_key(row), []).append(row)
            ours = SuccessorIndex(_list_own(session))
        ordered = sorted(by_key.items(), key=_sort_key)[:limit]
        total = len(by_key) if first is None else first[0].total if first else 0
        return Listed([_to_served_certificate(*each, ours) for each in ordered], total)

    def list_resources(
        self, scope: Scope = EVERYTHING, limit: int | None = None
    ) -> Listed[ServingResource]:
        """Each resource with the certificate that it serves, in the same order."""
        with self._database.read() as session:
            rows, total = fetch_first(session, statements.select_resources(scope), limit)
            ours = SuccessorIndex(_list_own(session))
        return Listed([_to_serving_resource(row, ours) for row in rows], total)

    def list_unknown(
        self, scope: Scope = EVERYTHING, limit: int | None = None
    ) -> Listed[UnknownExpiry]:
        """The resources whose certificate or expiry is unknown, and why, by id."""
        with self._database.read() as session:
            rows, total = fetch_first(session, statements.select_unknown(scope), limit)
        return Listed([_to_unknown_expiry(row) for row in rows], total)

    def count_unknown(self, scope: Scope = EVERYTHING) -> int:
        """How many resources have an unknown certificate or expiry."""
        with self._database.read() as session:
            return count_rows(session, statements.select_unknown(scope))

    def list_drifted(self, scope: Scope = EVERYTHING, limit: int | None = None) -> Listed[Drift]:
        """The resources with drift from their last deployment, by id."""
        with self._database.read() as session:
            rows, total = fetch_first(session, statements.select_drifted(scope), limit)
            ours = SuccessorIndex(_list_own(session))
        return Listed([_to_drift(row, ours) for row in rows], total)

    def count_resources(self) -> ResourceCounts:
        """Counts all resources, and those that need attention."""
        with self._database.read() as session:
            row = session.execute(statements.COUNTS).one()
            drifted = count_rows(session, statements.select_drifted(EVERYTHING))
        return ResourceCounts(**row._asdict(), drifted=drifted)

    def count_tasks_by_status(self) -> dict[str, int]:
        """Counts the tasks in each status, without deleted ones."""
        tasks = get_table(TaskRow).c
        query = select(tasks.status, func.count()).where(tasks.deleted_at.is_(None))
        with self._database.read() as session:
            return dict(session.execute(query.group_by(tasks.status)).all())


def _list_own(session: Session) -> Iterable[OwnCertificate]:
    """Our own certificates, without their chains."""
    columns = get_table(CertificateRow).c
    facts = [columns.document[each].label(each) for each in ("names", "algorithm", "issuer")]
    query = select(columns.fingerprint, columns.name, columns.not_after, columns.replaces, *facts)
    return [
        OwnCertificate(**{**row._asdict(), "issuer": get_common_name(row.issuer)})
        for row in session.execute(query)
    ]


def _to_key(row: Any) -> tuple[str | None, str | None, datetime | None]:
    return row.serves, row.name, row.lone_until


def _sort_key(group: tuple[Any, Sequence[Any]]) -> tuple[bool, datetime, str]:
    until = _find_expiry(group[1])
    return until is None, until or datetime.max.replace(tzinfo=UTC), group[1][0].sample


def _find_expiry(rows: Sequence[Any]) -> datetime | None:
    return min((row.until for row in rows if row.until is not None), default=None)


def _to_served_certificate(
    key: tuple[str | None, str | None, datetime | None],
    rows: Sequence[Any],
    ours: SuccessorIndex,
) -> ServedCertificate:
    until, binding = _find_expiry(rows), rows[0].binding
    services = [
        ServiceCount(account=r.account, service=r.service, resources=r.resources) for r in rows
    ]
    return ServedCertificate(
        **_build_facts(key[0], binding, until, ours),
        names=_find_names(key[0], binding, ours),
        not_after=until,
        resources=sum(each.resources for each in services),
        services=tuple(sorted(services, key=lambda each: (each.account, each.service))),
    )


def _to_serving_resource(row: Any, ours: SuccessorIndex) -> ServingResource:
    return ServingResource(
        resource=row.id,
        account=row.account,
        service=row.service,
        domains=tuple(row.domains or ()),
        not_after=row.until,
        **_build_facts(row.serves, row.binding, row.until, ours),
    )


def _build_facts(
    fingerprint: str | None,
    binding: Mapping[str, Any],
    until: datetime | None,
    ours: SuccessorIndex,
) -> dict[str, Any]:
    """The facts of our own copy of a certificate, else those of the service."""
    own = ours.get_own(fingerprint)
    names = _find_names(fingerprint, binding, ours)
    algorithm = own.algorithm if own else binding.get("algorithm")
    return {
        "fingerprint": fingerprint,
        "name": own.name if own else binding.get("name"),
        "issuer": own.issuer if own else binding.get("issuer"),
        "managed": None if fingerprint is None else own is not None,
        "successor": ours.find_successor(fingerprint, names, algorithm, until),
    }


def _find_names(
    fingerprint: str | None, binding: Mapping[str, Any], ours: SuccessorIndex
) -> tuple[str, ...]:
    own = ours.get_own(fingerprint)
    return own.names if own else tuple(binding.get("names") or ())


def _to_unknown_expiry(row: Any) -> UnknownExpiry:
    binding = row.binding or {}
    if row.binding_known and (row.serves or binding.get("name")):
        code, reason = "no-expiry", "the service does not report the expiry"
    elif row.binding_known:
        code, reason = "no-certificate", "the service does not report the certificate"
    elif row.binding is not None:
        code, reason = "unclear-change", "not read since a change with an unclear end"
    elif row.error:
        code = "sync-failed"
        reason = f"not read yet; the last sync reports {row.error['code']}: {row.error['message']}"
    else:
        code, reason = "not-read", "not read yet"
    return UnknownExpiry(
        resource=row.id,
        account=row.account,
        service=row.service,
        name=binding.get("name"),
        code=code,
        reason=reason,
    )


def _to_drift(row: Any, ours: SuccessorIndex) -> Drift:
    if row.at_edge:
        return _to_observed_drift(row, ours)
    binding = row.binding or {}
    facts = _build_facts(row.serves, binding, row.until, ours)
    return Drift(
        resource=row.id,
        account=row.account,
        service=row.service,
        deployed=row.deployed,
        serves=row.serves,
        name=facts["name"],
        not_after=row.until,
        managed=facts["managed"] if row.binding else None,
        task_id=row.task_id,
        task_name=row.task_name,
        deployed_at=row.ended_at,
        seen_at=row.reported_at,
    )


def _to_observed_drift(row: Any, ours: SuccessorIndex) -> Drift:
    own = ours.get_own(row.observed)
    return Drift(
        resource=row.id,
        account=row.account,
        service=row.service,
        deployed=row.deployed,
        serves=row.observed,
        name=own.name if own else None,
        not_after=own.not_after if own else None,
        managed=None if row.observed is None else own is not None,
        task_id=row.task_id,
        task_name=row.task_name,
        deployed_at=row.ended_at,
        seen_at=row.observed_at,
        address=row.address,
        problem=row.problem,
    )
