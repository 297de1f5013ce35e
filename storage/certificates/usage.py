"""Reads who uses a certificate: resources, former tasks and open tasks.

The cleanup asks it before it deletes certificates from a provider's store.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from domain.certificates.hostnames import to_wildcard
from domain.resources.resource import Binding, CertificateRef
from domain.resources.retention import Need, ResourceUse
from domain.tasks.status import OutcomeStatus, TaskStatus
from storage.database import Database
from storage.statements import batches, get_table
from storage.tables.core import ChangeRow, ResourceRow, TaskCertificateRow, TaskRow

VANISHED_GRACE = timedelta(days=30)
"""For so long a vanished resource counts: it may come back and serve the same certificate."""

_CHANGE, _TASK = get_table(ChangeRow).c, get_table(TaskRow).c
_RESOURCE, _DEPLOYED_BY = get_table(ResourceRow).c, get_table(TaskCertificateRow).c
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
"""The names of each certificate, by fingerprint."""


class PastChange(NamedTuple):
    """A change that was applied once, and what its resource serves now, as fingerprints.

    `is_read_since` is true if the binding was read after the change ended.
    """

    resource: str
    store: str
    before: str | None
    after: str | None
    status: str
    is_read_since: bool
    unverifiable: bool
    now: str | None
    known: bool


class Usage:
    """The usage of certificates in one account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_serving(self, account: str, names: Names, now: datetime) -> list[ResourceUse]:
        """The resources that serve one of these certificates, or may serve one."""
        here = and_(_RESOURCE.account == account, _is_present(now))
        with self._database.read() as session:
            served = [
                ResourceUse(account=account, **each) for each in _list_serving(session, here, names)
            ]
            return [*served, *_list_unknown(session, account, here, names)]

    def list_deployed(
        self, account: str, fingerprints: Iterable[str], now: datetime
    ) -> list[ResourceUse]:
        """The resources that one of these was deployed to, with all that they served since.

        Resources with the same history are one entry.
        """
        by_history: dict[tuple[Any, ...], list[str]] = {}
        with self._database.read() as session:
            query = _select_history(account, list(fingerprints), now)
            rows = (PastChange(*row) for row in session.execute(query))
            for resource, changes in groupby(rows, key=lambda row: row.resource):
                by_history.setdefault(_to_history(list(changes)), []).append(resource)
        return [
            ResourceUse(
                resource=min(resources),
                others=len(resources) - 1,
                account=account,
                store=store,
                now=Binding(fingerprint=serves) if serves else None,
                known=known,
                served=served,
            )
            for (store, serves, known, served), resources in by_history.items()
        ]

    def list_accounts(self, task_id: str) -> list[str]:
        """The accounts of the resources that a task changes."""
        query = select(_CHANGE.account).distinct().where(_CHANGE.task_id == task_id)
        with self._database.read() as session:
            return sorted(session.scalars(query))

    def is_deployed_by_open_task(self, fingerprint: str) -> bool:
        """Whether an unfinished task deploys this certificate."""
        deploys = and_(_DEPLOYED_BY.task_id == _TASK.id, _DEPLOYED_BY.fingerprint == fingerprint)
        query = select(_TASK.id).where(
            _TASK.deleted_at.is_(None), _TASK.status.in_(_TO_DO), exists().where(deploys)
        )
        with self._database.read() as session:
            return session.execute(query.limit(1)).first() is not None

    def list_needs(self, account: str, fingerprints: Iterable[str], now: datetime) -> list[Need]:
        """Which of these certificates tasks still have to bind, or may bind in a rollback.

        That includes certificates that a task knows by a reference only: each may be one of these.
        """
        wanted = list(fingerprints)
        with self._database.read() as session:
            tasks = {row.id: row for row in session.execute(_select_open_tasks(now))}
            return [
                need
                for batch in batches(tasks)
                for side in _SIDES
                for need in _list_needs(session, account, batch, side, wanted, tasks)
            ]


def _is_present(now: datetime) -> ColumnElement[bool]:
    lately = _RESOURCE.vanished_at > now - VANISHED_GRACE
    return or_(_RESOURCE.vanished_at.is_(None), lately)


def _list_serving(
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


def _list_unknown(
    session: Session, account: str, here: ColumnElement[bool], names: Names
) -> Iterator[ResourceUse]:
    """Resources whose binding was never read, or has no fingerprint."""
    no_fingerprint = and_(_RESOURCE.serves.is_(None), _RESOURCE.binding.is_not(None))
    query = select(
        _RESOURCE.id, _RESOURCE.binding, _RESOURCE.binding_known, _RESOURCE.document["domains"]
    ).where(here, or_(no_fingerprint, ~_RESOURCE.binding_known))
    for resource, binding, known, domains in session.execute(query):
        now = None if binding is None else Binding.model_validate(binding)
        may_serve = () if known else tuple(_find_covering(domains, names))
        if now or may_serve:
            place = ResourceUse(resource=resource, account=account, now=now, known=known)
            yield place.model_copy(update={"may_serve": may_serve})


def _find_covering(domains: Sequence[str], names: Names) -> Iterator[str]:
    """The certificates that cover one of these domains; all if there are no domains."""
    forms = {form for domain in domains for form in (domain, to_wildcard(domain))}
    for fingerprint, covered in names.items():
        if not domains or not forms.isdisjoint(covered):
            yield fingerprint


def _select_history(account: str, fingerprints: list[str], now: datetime) -> Select[Any]:
    """The changes of each resource, newest first, with the columns of `PastChange`."""
    tasks = select(_DEPLOYED_BY.task_id).where(_DEPLOYED_BY.fingerprint.in_(fingerprints))
    resources = select(_CHANGE.resource_id).where(_CHANGE.task_id.in_(tasks))
    return (
        select(
            _CHANGE.resource_id,
            _STORE,
            _fingerprint("before"),
            _fingerprint("after"),
            _CHANGE.status,
            func.coalesce(_RESOURCE.read_at > _CHANGE.ended_at, False),
            _CHANGE.document["unverifiable"].as_string().is_not(None),
            _RESOURCE.serves,
            _RESOURCE.binding_known,
        )
        .select_from(
            get_table(ChangeRow).join(get_table(ResourceRow), _RESOURCE.id == _CHANGE.resource_id)
        )
        .where(
            _CHANGE.account == account,
            or_(_CHANGE.applied, _CHANGE.deployed),
            _CHANGE.resource_id.in_(resources),
            _is_present(now),
        )
        .order_by(
            _CHANGE.resource_id,
            func.coalesce(_CHANGE.ended_at, _CHANGE.started_at).desc(),
            _CHANGE.task_id,
        )
    )


def _to_history(changes: Sequence[PastChange]) -> tuple[Any, ...]:
    """The facts that decide about a resource, without its id."""
    last = changes[0]
    unclear = last.unverifiable or (last.status in _UNCLEAR and not last.is_read_since)
    served = tuple(dict.fromkeys(_list_served(changes)))
    return last.store, last.now, last.known and not unclear, served


def _list_served(changes: Iterable[PastChange]) -> Iterator[str]:
    """The fingerprints served, newest first. A rollback restored `before` after `after`."""
    for change in changes:
        is_rolled_back = change.status == OutcomeStatus.ROLLED_BACK
        order = (change.before, change.after) if is_rolled_back else (change.after, change.before)
        yield from (one for one in order if one)


def _select_open_tasks(now: datetime) -> Select[Any]:
    unfinished = _TASK.status.in_(_TO_DO)
    return select(_TASK.id, _TASK.name, unfinished.label("unfinished")).where(
        _TASK.deleted_at.is_(None), or_(unfinished, _TASK.rollback_until > now)
    )


def _list_needs(
    session: Session,
    account: str,
    tasks: list[str],
    side: str,
    fingerprints: list[str],
    known: Mapping[str, Any],
) -> Iterator[Need]:
    """The needs of one side of these tasks' changes. A finished task needs `before` only."""
    own, ref = _fingerprint(side), _CHANGE.document[side, "ref"].as_string()
    query = (
        select(_CHANGE.task_id, _CHANGE.account, _STORE, own, ref, _CHANGE.applied)
        .distinct()
        .where(
            _CHANGE.task_id.in_(tasks),
            or_(own.in_(fingerprints), and_(own.is_(None), ref.is_not(None))),
        )
    )
    for task_id, owner, store, fingerprint, written, applied in session.execute(query):
        task = known[task_id]
        if owner == account and (task.unfinished or (applied and side == "before")):
            found = CertificateRef.model_validate_json(written) if written else None
            binding = Binding(fingerprint=fingerprint, ref=found)
            yield Need(account=account, store=store, binding=binding, task=f"task {task.name!r}")


def _fingerprint(side: str) -> ColumnElement[str | None]:
    fingerprint: ColumnElement[str | None] = _CHANGE.document[side, "fingerprint"].as_string()
    return fingerprint
