"""What is served, expires soon, and is replaced by no task in time: found by sets, not by row."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from domain.certificates.expiry import Served
from domain.notifications.expiry_watch import LAST, LATE
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.database import Database
from storage.expiry import statements as statements
from storage.expiry.statements import UNTIL, WITH_OURS, Scope
from storage.statements import batches, table
from storage.tables.core import CertificateRow, ChangeRow, ResourceRow, TaskRow

EXAMPLES = 3
_R = table(ResourceRow).c
_WILL_CHANGE = (OutcomeStatus.PENDING.value, OutcomeStatus.DEPLOYING.value)
_WILL_RUN = (TaskStatus.SCHEDULED.value, TaskStatus.RUNNING.value)


class Key(NamedTuple):
    """Which certificate: by its fingerprint, or where none is told by its name and expiry."""

    fingerprint: str | None
    name: str | None
    not_after: datetime | None


class Left(NamedTuple):
    """How many resources no task replaces in time, some of them, and a task that comes too late."""

    resources: int
    examples: tuple[str, ...]
    task: str | None


class Unattended:
    """Asked by the watch for expiries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def among(self, before: datetime, now: datetime) -> dict[Key, Left]:
        """Of what expires before then, as of the last sync; those with none are left out."""
        found: dict[Key, list[Any]] = {}
        with self._database.read() as session:
            for row in session.execute(_query(before, now)):
                key = Key(row.serves, row.lone_name, row.lone_until)
                found.setdefault(key, []).append(row)
        return {key: _left(rows) for key, rows in found.items()}

    def lives(self, fingerprints: Iterable[str]) -> Mapping[str, timedelta]:
        """How long each certificate of ours is valid in all."""
        columns = table(CertificateRow).c
        told: dict[str, timedelta] = {}
        with self._database.read() as session:
            for batch in batches(fingerprints):
                since = columns.document["not_before"].as_string()
                query = select(columns.fingerprint, columns.not_after, since)
                for fingerprint, until, begun in session.execute(
                    query.where(columns.fingerprint.in_(batch))
                ):
                    told[fingerprint] = until - datetime.fromisoformat(begun)
        return told


def key_of(served: Served) -> Key:
    """As `among` tells it."""
    if served.fingerprint:
        return Key(served.fingerprint, None, None)
    return Key(None, served.name, served.not_after)


def _query(before: datetime, now: datetime) -> Any:
    in_hand = _in_hand()
    hand = in_hand.c
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
            func.min(hand.task_id).label("task"),
        )
        .select_from(WITH_OURS.outerjoin(in_hand, and_(hand.resource_id == _R.id, hand.place == 1)))
        .where(statements.within(Scope(before=before)), _is_alone(hand, now))
        .group_by(_R.serves, lone_name, lone_until, _R.account, _R.service)
        .order_by(func.min(_R.id))
    )


def _in_hand() -> Any:
    """Changes that a task will make, the first of each resource in `place` 1."""
    changes, tasks = table(ChangeRow).c, table(TaskRow).c
    place = func.row_number().over(partition_by=changes.resource_id, order_by=tasks.at)
    return (
        select(changes.resource_id, changes.task_id, tasks.at, place.label("place"))
        .where(changes.task_id == tasks.id, tasks.deleted_at.is_(None))
        .where(tasks.status.in_(_WILL_RUN), changes.status.in_(_WILL_CHANGE))
        .where(changes.after.is_not(None))
        .subquery()
    )


def _is_alone(hand: Any, now: datetime) -> ColumnElement[bool]:
    """No task, one after the expiry, or in the last days one that should have been long ago."""
    stuck = and_(now + LAST >= UNTIL, hand.at < now - LATE)
    return or_(hand.at.is_(None), hand.at >= UNTIL, now >= UNTIL, stuck)


def _left(rows: list[Any]) -> Left:
    names = dict.fromkeys(name for row in rows for name in (row.first, row.last))
    task = next((row.task for row in rows if row.task), None)
    return Left(sum(row.resources for row in rows), tuple(names)[:EXAMPLES], task)
