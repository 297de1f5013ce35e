"""Finds certificates that expire soon and that no task replaces in time; the expiry watch calls it.

It does so in one query, without loading each resource.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from domain.certificates.expiry import ServedCertificate
from domain.notifications.expiry_watch import LAST_DAYS, MAX_DELAY
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.database import Database
from storage.expiry import statements
from storage.expiry.statements import RESOURCES_AND_CERTIFICATES, UNTIL, Scope
from storage.statements import batches, get_table
from storage.tables.core import CertificateRow, ChangeRow, ResourceRow, TaskRow

MAX_EXAMPLES = 3
_R = get_table(ResourceRow).c
_WILL_CHANGE = (OutcomeStatus.PENDING.value, OutcomeStatus.DEPLOYING.value)
_WILL_RUN = (TaskStatus.SCHEDULED.value, TaskStatus.RUNNING.value)


class CertificateKey(NamedTuple):
    """Identifies a certificate by its fingerprint, or without one by its name and expiry."""

    fingerprint: str | None
    name: str | None
    not_after: datetime | None


class UnreplacedResources(NamedTuple):
    """How many resources no task updates in time, examples, and a task that is too late."""

    resources: int
    examples: tuple[str, ...]
    task: str | None


class Unreplaced:
    """Certificates that no task replaces in time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, before: datetime, now: datetime) -> dict[CertificateKey, UnreplacedResources]:
        """Certificates that expire before `before`, as of the last sync, with their resources."""
        found: dict[CertificateKey, list[Any]] = {}
        with self._database.read() as session:
            for row in session.execute(_select_unreplaced(before, now)):
                key = CertificateKey(row.serves, row.lone_name, row.lone_until)
                found.setdefault(key, []).append(row)
        return {key: _to_unreplaced_resources(rows) for key, rows in found.items()}

    def get_lifetimes(self, fingerprints: Iterable[str]) -> Mapping[str, timedelta]:
        """The whole validity period of each certificate of ours."""
        columns = get_table(CertificateRow).c
        lifetimes: dict[str, timedelta] = {}
        with self._database.read() as session:
            for batch in batches(fingerprints):
                not_before_text = columns.document["not_before"].as_string()
                query = select(columns.fingerprint, columns.not_after, not_before_text)
                for fingerprint, not_after, not_before in session.execute(
                    query.where(columns.fingerprint.in_(batch))
                ):
                    lifetimes[fingerprint] = not_after - datetime.fromisoformat(not_before)
        return lifetimes


def to_key(served: ServedCertificate) -> CertificateKey:
    """The key of a served certificate in the result of `Unreplaced.find`."""
    if served.fingerprint:
        return CertificateKey(served.fingerprint, None, None)
    return CertificateKey(None, served.name, served.not_after)


def _select_unreplaced(before: datetime, now: datetime) -> Any:
    upcoming = _select_upcoming()
    task = upcoming.c
    lone_name = case((_R.serves.is_(None), _R.binding["name"].as_string()))
    lone_until = case((_R.serves.is_(None), _R.not_after))
    return (
        select(
            _R.serves,
            lone_name.label("lone_name"),
            lone_until.label("lone_until"),
            func.count().label("resources"),
            func.min(_R.id).label("first"),
            func.max(_R.id).label("last"),
            func.min(task.task_id).label("task"),
        )
        .select_from(
            RESOURCES_AND_CERTIFICATES.outerjoin(
                upcoming, and_(task.resource_id == _R.id, task.rank == 1)
            )
        )
        .where(statements.is_in_scope(Scope(before=before)), _is_not_in_time(task, now))
        .group_by(_R.serves, lone_name, lone_until, _R.account, _R.service)
        .order_by(func.min(_R.id))
    )


def _select_upcoming() -> Any:
    """Changes that a task will make; the first one of each resource has `rank` 1."""
    changes, tasks = get_table(ChangeRow).c, get_table(TaskRow).c
    rank = func.row_number().over(partition_by=changes.resource_id, order_by=tasks.at)
    return (
        select(changes.resource_id, changes.task_id, tasks.at, rank.label("rank"))
        .where(changes.task_id == tasks.id, tasks.deleted_at.is_(None))
        .where(tasks.status.in_(_WILL_RUN), changes.status.in_(_WILL_CHANGE))
        .where(changes.after.is_not(None))
        .subquery()
    )


def _is_not_in_time(task: Any, now: datetime) -> ColumnElement[bool]:
    """Selects resources without a task, with one after the expiry, or with one that is overdue."""
    overdue = and_(now + LAST_DAYS >= UNTIL, task.at < now - MAX_DELAY)
    return or_(task.at.is_(None), task.at >= UNTIL, now >= UNTIL, overdue)


def _to_unreplaced_resources(rows: list[Any]) -> UnreplacedResources:
    names = dict.fromkeys(name for row in rows for name in (row.first, row.last))
    task = next((row.task for row in rows if row.task), None)
    return UnreplacedResources(
        sum(row.resources for row in rows), tuple(names)[:MAX_EXAMPLES], task
    )
