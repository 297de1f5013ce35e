"""What is known of who uses a certificate: the inventory, former tasks, and tasks still open."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlmodel import Session

from domain.names import wildcard_over
from domain.resource import Binding, CertificateRef
from domain.retention import Need, Place
from domain.status import OutcomeStatus, TaskStatus
from storage.database import Database
from storage.statements import table
from storage.tables import ChangeRow, ResourceRow, TaskCertificateRow, TaskRow

VANISHED_COUNTS_FOR = timedelta(days=30)
"""A resource that is listed no longer may come back, with what it served."""

_CHANGE, _TASK = table(ChangeRow).c, table(TaskRow).c
_RESOURCE, _DEPLOYED_BY = table(ResourceRow).c, table(TaskCertificateRow).c

_TO_DO = (TaskStatus.DRAFT, TaskStatus.SCHEDULED, TaskStatus.RUNNING, TaskStatus.ROLLING_BACK)
_UNCLEAR = (
    OutcomeStatus.DEPLOYING,
    OutcomeStatus.FAILED,
    OutcomeStatus.ROLLING_BACK,
    OutcomeStatus.ROLLBACK_FAILED,
)
_SIDES = ("before", "after")


class Past(NamedTuple):
    """A change that was applied once; fingerprints of before and after."""

    store: str
    before: str | None
    after: str | None
    status: str
    ended_at: datetime | None
    unproven: bool


class Usage:
    """Asked about some certificates of one account, by fingerprint, with the names of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def places(
        self, account: str, names: Mapping[str, Sequence[str]], now: datetime
    ) -> list[Place]:
        """The resources that serve, have served or may serve one of these certificates."""
        with self._database.read() as session:
            past = _past(session, account, names)
            rows = session.execute(_resources(account, names, now)).all()
        return [_place(account, row, past.get(row.id, []), names) for row in rows]

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
        found: list[Need] = []
        with self._database.read() as session:
            for side in _SIDES:
                rows = session.execute(_open(account, list(fingerprints), side, now))
                found += [_need(account, *row) for row in rows]
        return found


def _past(session: Session, account: str, fingerprints: Iterable[str]) -> dict[str, list[Past]]:
    """By resource id what was done to those that one of these was deployed to, newest first."""
    query = (
        select(
            _CHANGE.resource_id,
            _CHANGE.document["store"].as_string(),
            _fingerprint("before"),
            _fingerprint("after"),
            _CHANGE.status,
            _CHANGE.ended_at,
            _CHANGE.document["unproven"].as_string().is_not(None),
        )
        .where(
            _CHANGE.account == account,
            or_(_CHANGE.applied, _CHANGE.deployed),
            _CHANGE.resource_id.in_(_deployed_to(account, fingerprints)),
        )
        .order_by(func.coalesce(_CHANGE.ended_at, _CHANGE.started_at).desc(), _CHANGE.task_id)
    )
    found: dict[str, list[Past]] = {}
    for resource, *rest in session.execute(query):
        found.setdefault(resource, []).append(Past(*rest))
    return found


def _deployed_to(account: str, fingerprints: Iterable[str]) -> Select[Any]:
    """Ids of the resources of all tasks that deploy one of these."""
    tasks = select(_DEPLOYED_BY.task_id).where(_DEPLOYED_BY.fingerprint.in_(list(fingerprints)))
    return select(_CHANGE.resource_id).where(_CHANGE.account == account, _CHANGE.task_id.in_(tasks))


def _resources(account: str, fingerprints: Iterable[str], now: datetime) -> Select[Any]:
    wanted = list(fingerprints)
    concerned = or_(
        _RESOURCE.serves.in_(wanted),
        and_(_RESOURCE.serves.is_(None), _RESOURCE.binding.is_not(None)),
        ~_RESOURCE.binding_known,
        _RESOURCE.id.in_(_deployed_to(account, wanted)),
    )
    here = or_(_RESOURCE.vanished_at.is_(None), _RESOURCE.vanished_at > now - VANISHED_COUNTS_FOR)
    return select(
        _RESOURCE.id,
        _RESOURCE.binding,
        _RESOURCE.binding_known,
        _RESOURCE.read_at,
        _RESOURCE.document["domains"].as_string().label("domains"),
    ).where(_RESOURCE.account == account, concerned, here)


def _open(account: str, fingerprints: list[str], side: str, now: datetime) -> Select[Any]:
    """What stands on one side of the changes of open tasks; what is done needs only its before."""
    ref = _CHANGE.document[side, "ref"].as_string()
    told = _fingerprint(side)
    unfinished = _TASK.status.in_(_TO_DO)
    may_go_back = and_(_TASK.rollback_until > now, _CHANGE.applied)
    return (
        select(_CHANGE.document["store"].as_string(), told, ref, _TASK.name)
        .distinct()
        .select_from(table(ChangeRow).join(table(TaskRow), _TASK.id == _CHANGE.task_id))
        .where(
            _CHANGE.account == account,
            _TASK.deleted_at.is_(None),
            or_(told.in_(fingerprints), and_(told.is_(None), ref.is_not(None))),
            or_(unfinished, may_go_back) if side == "before" else unfinished,
        )
    )


def _fingerprint(side: str) -> ColumnElement[str | None]:
    told: ColumnElement[str | None] = _CHANGE.document[side, "fingerprint"].as_string()
    return told


def _need(account: str, store: str, fingerprint: str | None, ref: str | None, task: str) -> Need:
    known = CertificateRef.model_validate_json(ref) if ref else None
    binding = Binding(fingerprint=fingerprint, ref=known)
    return Need(account=account, store=store, binding=binding, task=f"task {task!r}")


def _place(
    account: str, row: Any, past: Sequence[Past], names: Mapping[str, Sequence[str]]
) -> Place:
    binding = None if row.binding is None else Binding.model_validate(row.binding)
    known = row.binding_known and not _is_unclear(past, row.read_at)
    return Place(
        resource=row.id,
        account=account,
        store=past[0].store if past else None,
        now=binding,
        known=known,
        served=tuple(dict.fromkeys(_served(past))),
        may_serve=() if known else tuple(_covering(json.loads(row.domains), names)),
    )


def _is_unclear(past: Sequence[Past], read_at: datetime | None) -> bool:
    """Whether the last change ended unclear and nobody has looked since, or nobody can look."""
    if not past:
        return False
    last = past[0]
    looked = read_at is not None and last.ended_at is not None and read_at > last.ended_at
    return last.unproven or (last.status in _UNCLEAR and not looked)


def _served(past: Sequence[Past]) -> Iterator[str]:
    """Newest first. What was taken back served before the former one came again."""
    for change in past:
        back = change.status == OutcomeStatus.ROLLED_BACK
        order = (change.before, change.after) if back else (change.after, change.before)
        yield from (one for one in order if one)


def _covering(domains: Sequence[str], names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The certificates that cover one of these domains; all of them where it tells none."""
    asked = {form for domain in domains for form in (domain, wildcard_over(domain))}
    for fingerprint, covered in names.items():
        if not domains or not asked.isdisjoint(covered):
            yield fingerprint
