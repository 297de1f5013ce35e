"""The expiry view: what serves which certificate until when, over all accounts."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from domain.certificates.expiry import (
    Counts,
    Drift,
    Held,
    Place,
    Served,
    Serving,
    Successors,
    Unknown,
)
from domain.certificates.validation import common_name
from storage.database import Database
from storage.expiry import statements as statements
from storage.expiry.statements import Scope
from storage.listing import Listed, count, first
from storage.statements import table
from storage.tables.core import CertificateRow, TaskRow

__all__ = ["Expiry", "Scope"]

EVERYTHING = Scope()


class Expiry:
    """Answers from the inventory as of the last sync; resources that are gone count nowhere."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def certificates(self, scope: Scope = EVERYTHING, limit: int | None = None) -> Listed[Served]:
        """What is served, soonest first; what expires at an unknown time comes last."""
        with self._database.read() as session:
            first = None
            if limit is not None:
                first = session.execute(statements.soonest(scope, limit)).all()
            found: dict[Any, list[Any]] = {}
            for row in session.execute(statements.groups(scope, first)):
                found.setdefault(_key(row), []).append(row)
            ours = Successors(_held(session))
        ordered = sorted(found.items(), key=_soonest)[:limit]
        total = len(found) if first is None else first[0].total if first else 0
        return Listed([_served(*each, ours) for each in ordered], total)

    def resources(self, scope: Scope = EVERYTHING, limit: int | None = None) -> Listed[Serving]:
        """Each resource with what it serves, in the same order."""
        with self._database.read() as session:
            rows, total = first(session, statements.one_by_one(scope), limit)
            ours = Successors(_held(session))
        return Listed([_serving(row, ours) for row in rows], total)

    def unknown(self, scope: Scope = EVERYTHING, limit: int | None = None) -> Listed[Unknown]:
        """Resources whose certificate or expiry is not known, and why; by id."""
        with self._database.read() as session:
            rows, total = first(session, statements.unknown(scope), limit)
        return Listed([_unknown(row) for row in rows], total)

    def how_many_unknown(self, scope: Scope = EVERYTHING) -> int:
        """How many those are."""
        with self._database.read() as session:
            return count(session, statements.unknown(scope))

    def drifted(self, scope: Scope = EVERYTHING, limit: int | None = None) -> Listed[Drift]:
        """Resources that serve something else than our last deployment there left; by id."""
        with self._database.read() as session:
            rows, total = first(session, statements.drifted(scope), limit)
            ours = Successors(_held(session))
        return Listed([_drift(row, ours) for row in rows], total)

    def counts(self) -> Counts:
        """How many resources there are, and how many deserve a look."""
        with self._database.read() as session:
            row = session.execute(statements.COUNTS).one()
            drifted = count(session, statements.drifted(EVERYTHING))
        return Counts(**row._asdict(), drifted=drifted)

    def tasks(self) -> dict[str, int]:
        """How many tasks that are not deleted are in each status; without those with none."""
        tasks = table(TaskRow).c
        query = select(tasks.status, func.count()).where(tasks.deleted_at.is_(None))
        with self._database.read() as session:
            return dict(session.execute(query.group_by(tasks.status)).all())


def _held(session: Session) -> Iterable[Held]:
    """Our certificates, without their chains."""
    columns = table(CertificateRow).c
    facts = [columns.document[each].label(each) for each in ("names", "algorithm", "issuer")]
    query = select(columns.fingerprint, columns.name, columns.not_after, columns.replaces, *facts)
    return [
        Held(**{**row._asdict(), "issuer": common_name(row.issuer)})
        for row in session.execute(query)
    ]


def _key(row: Any) -> tuple[str | None, str | None, datetime | None]:
    return row.serves, row.name, row.lone_until


def _soonest(group: tuple[Any, Sequence[Any]]) -> tuple[bool, datetime, str]:
    until = _until(group[1])
    return until is None, until or datetime.max.replace(tzinfo=UTC), group[1][0].sample


def _until(rows: Sequence[Any]) -> datetime | None:
    return min((row.until for row in rows if row.until is not None), default=None)


def _served(
    key: tuple[str | None, str | None, datetime | None],
    rows: Sequence[Any],
    ours: Successors,
) -> Served:
    until, told = _until(rows), rows[0].told
    places = [Place(account=r.account, service=r.service, resources=r.resources) for r in rows]
    return Served(
        **_facts(key[0], told, until, ours),
        names=_names(key[0], told, ours),
        not_after=until,
        resources=sum(place.resources for place in places),
        places=tuple(sorted(places, key=lambda each: (each.account, each.service))),
    )


def _serving(row: Any, ours: Successors) -> Serving:
    return Serving(
        resource=row.id,
        account=row.account,
        service=row.service,
        domains=tuple(row.domains or ()),
        not_after=row.until,
        **_facts(row.serves, row.binding, row.until, ours),
    )


def _facts(
    fingerprint: str | None, told: Mapping[str, Any], until: datetime | None, ours: Successors
) -> dict[str, Any]:
    """What our own copy says, and where there is none, what the service tells."""
    held = ours.held(fingerprint)
    names = _names(fingerprint, told, ours)
    algorithm = held.algorithm if held else told.get("algorithm")
    return {
        "fingerprint": fingerprint,
        "name": held.name if held else told.get("name"),
        "issuer": held.issuer if held else told.get("issuer"),
        "managed": None if fingerprint is None else held is not None,
        "successor": ours.of(fingerprint, names, algorithm, until),
    }


def _names(fingerprint: str | None, told: Mapping[str, Any], ours: Successors) -> tuple[str, ...]:
    held = ours.held(fingerprint)
    return held.names if held else tuple(told.get("names") or ())


def _unknown(row: Any) -> Unknown:
    told = row.binding or {}
    if row.binding_known:
        all_of_it = row.serves or told.get("name")
        what = "until when" if all_of_it else "which certificate it serves"
        reason = f"its service does not tell {what}"
    elif row.binding is not None:
        reason = "not read since a change of it ended unclear"
    elif row.error:
        reason = f"not read yet; the last sync says {row.error['code']}: {row.error['message']}"
    else:
        reason = "not read yet"
    return Unknown(
        resource=row.id,
        account=row.account,
        service=row.service,
        name=told.get("name"),
        reason=reason,
    )


def _drift(row: Any, ours: Successors) -> Drift:
    if row.at_edge:
        return _drift_at_edge(row, ours)
    told = row.binding or {}
    facts = _facts(row.serves, told, row.until, ours)
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
        seen_at=row.seen,
    )


def _drift_at_edge(row: Any, ours: Successors) -> Drift:
    held = ours.held(row.shown)
    return Drift(
        resource=row.id,
        account=row.account,
        service=row.service,
        deployed=row.deployed,
        serves=row.shown,
        name=held.name if held else None,
        not_after=held.not_after if held else None,
        managed=None if row.shown is None else held is not None,
        task_id=row.task_id,
        task_name=row.task_name,
        deployed_at=row.ended_at,
        seen_at=row.seen_at,
        address=row.address,
        problem=row.problem,
    )
