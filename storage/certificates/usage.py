"""What is known of who uses a certificate: the inventory, former tasks, and tasks still open."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from domain.certificates.hostnames import wildcard_over
from domain.resources.resource import Binding, CertificateRef
from domain.resources.retention import Need, Place
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.database import Database
from storage.statements import batches, table
from storage.tables.core import ChangeRow, ResourceRow, TaskCertificateRow, TaskRow

VANISHED_COUNTS_FOR = timedelta(days=30)
"""A resource that is listed no longer may come back, with what it served."""

_CHANGE, _TASK = table(ChangeRow).c, table(TaskRow).c
_RESOURCE, _DEPLOYED_BY = table(ResourceRow).c, table(TaskCertificateRow).c
_STORE = _CHANGE.document["store"].as_string()

_TO_DO = (TaskStatus.DRAFT, TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
_UNCLEAR = (
    OutcomeStatus.DEPLOYING,
    OutcomeStatus.FAILED,
    OutcomeStatus.ROLLING_BACK,
    OutcomeStatus.ROLLBACK_FAILED,
)
_SIDES = ("before", "after")

Names = Mapping[str, Sequence[str]]
"""The names of each certificate that is asked about, by fingerprint."""


class Past(NamedTuple):
    """A change that was applied once, and what its resource serves today, as fingerprints.

    `looked`: somebody has looked since the change ended.
    """

    resource: str
    store: str
    before: str | None
    after: str | None
    status: str
    looked: bool
    unproven: bool
    now: str | None
    known: bool


class Usage:
    """Asked about some certificates of one account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(self, account: str, names: Names, now: datetime) -> list[Place]:
        """What serves one of these certificates, and what may, as far as the inventory tells."""
        here = and_(_RESOURCE.account == account, _is_here(now))
        with self._database.read() as session:
            served = [Place(account=account, **each) for each in _served(session, here, names)]
            return [*served, *_dark(session, account, here, names)]

    def past(self, account: str, fingerprints: Iterable[str], now: datetime) -> list[Place]:
        """The resources that one of these was deployed to, with all that they served since.

        Those that are alike are told as one.
        """
        alike: dict[tuple[Any, ...], list[str]] = {}
        with self._database.read() as session:
            query = _history(account, list(fingerprints), now)
            rows = (Past(*row) for row in session.execute(query))
            for resource, changes in groupby(rows, key=lambda row: row.resource):
                alike.setdefault(_traits(list(changes)), []).append(resource)
        return [
            Place(
                resource=min(resources),
                others=len(resources) - 1,
                account=account,
                store=store,
                now=Binding(fingerprint=serves) if serves else None,
                known=known,
                served=served,
            )
            for (store, serves, known, served), resources in alike.items()
        ]

    def accounts(self, task_id: str) -> list[str]:
        """The accounts of what a task changes."""
        query = select(_CHANGE.account).distinct().where(_CHANGE.task_id == task_id)
        with self._database.read() as session:
            return sorted(session.scalars(query))

    def wanted(self, fingerprint: str) -> bool:
        """Whether a task that has work to do deploys this certificate."""
        deploys = and_(_DEPLOYED_BY.task_id == _TASK.id, _DEPLOYED_BY.fingerprint == fingerprint)
        query = select(_TASK.id).where(
            _TASK.deleted_at.is_(None), _TASK.status.in_(_TO_DO), exists().where(deploys)
        )
        with self._database.read() as session:
            return session.execute(query.limit(1)).first() is not None

    def needs(self, account: str, fingerprints: Iterable[str], now: datetime) -> list[Need]:
        """What tasks have to bind yet, or may have to bind again, of these certificates.

        Also what a task knows by a reference alone, which may be one of them.
        """
        wanted = list(fingerprints)
        with self._database.read() as session:
            tasks = {row.id: row for row in session.execute(_open_tasks(now))}
            return [
                need
                for batch in batches(tasks)
                for side in _SIDES
                for need in _needs(session, account, batch, side, wanted, tasks)
            ]


def _is_here(now: datetime) -> ColumnElement[bool]:
    lately = _RESOURCE.vanished_at > now - VANISHED_COUNTS_FOR
    return or_(_RESOURCE.vanished_at.is_(None), lately)


def _served(
    session: Session, here: ColumnElement[bool], fingerprints: Iterable[str]
) -> Iterator[dict[str, Any]]:
    store = _RESOURCE.binding["ref", "store"].as_string()
    query = (
        select(_RESOURCE.serves, store, func.min(_RESOURCE.id), func.count())
        .where(here, _RESOURCE.serves.in_(list(fingerprints)))
        .group_by(_RESOURCE.serves, store)
    )
    for serves, where, first, number in session.execute(query):
        now = Binding(fingerprint=serves)
        yield {"resource": first, "others": number - 1, "store": where, "now": now}


def _dark(
    session: Session, account: str, here: ColumnElement[bool], names: Names
) -> Iterator[Place]:
    """Resources that were never read, or serve what has no fingerprint."""
    nameless = and_(_RESOURCE.serves.is_(None), _RESOURCE.binding.is_not(None))
    query = select(
        _RESOURCE.id, _RESOURCE.binding, _RESOURCE.binding_known, _RESOURCE.document["domains"]
    ).where(here, or_(nameless, ~_RESOURCE.binding_known))
    for resource, binding, known, domains in session.execute(query):
        now = None if binding is None else Binding.model_validate(binding)
        may_serve = () if known else tuple(_covering(domains, names))
        if now or may_serve:
            place = Place(resource=resource, account=account, now=now, known=known)
            yield place.model_copy(update={"may_serve": may_serve})


def _covering(domains: Sequence[str], names: Names) -> Iterator[str]:
    """The certificates that cover one of these domains; all of them where it tells none."""
    asked = {form for domain in domains for form in (domain, wildcard_over(domain))}
    for fingerprint, covered in names.items():
        if not domains or not asked.isdisjoint(covered):
            yield fingerprint


def _history(account: str, fingerprints: list[str], now: datetime) -> Select[Any]:
    """Each resource's changes together, newest first; the columns are those of `Past`."""
    tasks = select(_DEPLOYED_BY.task_id).where(_DEPLOYED_BY.fingerprint.in_(fingerprints))
    concerned = select(_CHANGE.resource_id).where(_CHANGE.task_id.in_(tasks))
    return (
        select(
            _CHANGE.resource_id,
            _STORE,
            _fingerprint("before"),
            _fingerprint("after"),
            _CHANGE.status,
            func.coalesce(_RESOURCE.read_at > _CHANGE.ended_at, False),
            _CHANGE.document["unproven"].as_string().is_not(None),
            _RESOURCE.serves,
            _RESOURCE.binding_known,
        )
        .select_from(table(ChangeRow).join(table(ResourceRow), _RESOURCE.id == _CHANGE.resource_id))
        .where(
            _CHANGE.account == account,
            or_(_CHANGE.applied, _CHANGE.deployed),
            _CHANGE.resource_id.in_(concerned),
            _is_here(now),
        )
        .order_by(
            _CHANGE.resource_id,
            func.coalesce(_CHANGE.ended_at, _CHANGE.started_at).desc(),
            _CHANGE.task_id,
        )
    )


def _traits(changes: Sequence[Past]) -> tuple[Any, ...]:
    """What the rule looks at of a resource, but for its name."""
    last = changes[0]
    unclear = last.unproven or (last.status in _UNCLEAR and not last.looked)
    served = tuple(dict.fromkeys(_in_order(changes)))
    return last.store, last.now, last.known and not unclear, served


def _in_order(changes: Iterable[Past]) -> Iterator[str]:
    """Newest first. What was taken back served before the former one came again."""
    for change in changes:
        back = change.status == OutcomeStatus.ROLLED_BACK
        order = (change.before, change.after) if back else (change.after, change.before)
        yield from (one for one in order if one)


def _open_tasks(now: datetime) -> Select[Any]:
    unfinished = _TASK.status.in_(_TO_DO)
    return select(_TASK.id, _TASK.name, unfinished.label("unfinished")).where(
        _TASK.deleted_at.is_(None), or_(unfinished, _TASK.rollback_until > now)
    )


def _needs(
    session: Session,
    account: str,
    tasks: list[str],
    side: str,
    fingerprints: list[str],
    known: Mapping[str, Any],
) -> Iterator[Need]:
    """One side of the changes of these tasks; of what is done only what was applied, and before."""
    told, ref = _fingerprint(side), _CHANGE.document[side, "ref"].as_string()
    query = (
        select(_CHANGE.task_id, _CHANGE.account, _STORE, told, ref, _CHANGE.applied)
        .distinct()
        .where(
            _CHANGE.task_id.in_(tasks),
            or_(told.in_(fingerprints), and_(told.is_(None), ref.is_not(None))),
        )
    )
    for task_id, owner, store, fingerprint, written, applied in session.execute(query):
        task = known[task_id]
        if owner == account and (task.unfinished or (applied and side == "before")):
            found = CertificateRef.model_validate_json(written) if written else None
            binding = Binding(fingerprint=fingerprint, ref=found)
            yield Need(account=account, store=store, binding=binding, task=f"task {task.name!r}")


def _fingerprint(side: str) -> ColumnElement[str | None]:
    told: ColumnElement[str | None] = _CHANGE.document[side, "fingerprint"].as_string()
    return told
