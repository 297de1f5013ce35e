"""Stores the progress of syncs, so that a killed sync continues; activities call it.

Each sync covers one service of one account.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from domain.cause import Cause
from domain.errors import BadInput
from domain.resources.inventory_sync import ServiceSync, ServiceSyncRecord
from storage.database import Database
from storage.inventory import unread_bindings
from storage.inventory.inventory import mark_vanished
from storage.inventory.unread_bindings import UnreadSince
from storage.statements import get_table, upsert
from storage.tables.planning import SyncRow

_SYNC = get_table(SyncRow)


class Syncs:
    """The newest sync of each service. An attempt that another one has overtaken writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, walk: ServiceSync, now: datetime) -> ServiceSyncRecord:
        """Starts a sync, or returns the progress of this run so far.

        Raises `BadInput` if there is no such account.
        """
        fresh: dict[str, Any] = {
            "began_at": now,
            "page": None,
            "seen": 0,
            "total": None,
            "vanished": 0,
            "to_read": None,
            "were_read": 0,
        }
        fresh |= {"ended_at": None, "error": None, "run": walk.run}
        where = {"account": walk.account, "service": walk.service}
        try:
            with self._database.write() as session:
                record = _find(session, walk)
                if record is not None and record.run == walk.run:
                    return record
                upsert(session, SyncRow, [{**where, **fresh}], lambda _: fresh)
                return _get(session, walk)
        except IntegrityError:
            raise BadInput(
                f"there is no account {walk.account}", where="inventory", code="unknown-account"
            ) from None

    def advance(
        self, before: ServiceSyncRecord, page: str, seen: int, total: int | None
    ) -> ServiceSyncRecord | None:
        """Records the next page; returns None if `before` is not the current progress."""
        values = {"page": page, "seen": seen, "total": total, "error": None}
        with self._database.write() as session:
            return _update_current(session, before, values)

    def finish(
        self,
        before: ServiceSyncRecord,
        at: datetime,
        seen: int,
        total: int | None,
        *,
        mark: bool,
        read_since: datetime | None = None,
    ) -> ServiceSyncRecord | None:
        """Ends the listing: marks vanished resources and counts the bindings to read.

        Both happen in one transaction, so that neither can be lost. With nothing to read the sync
        ends. A binding that was read after `read_since` (by default the start of the sync) is not
        read again. Returns None if `before` is not the current progress.
        """
        values: dict[str, Any] = {"seen": seen, "total": total, "error": None}
        values |= {"complete_at": before.began_at, "page": None}
        with self._database.write() as session:
            listed = _update_current(session, before, values)
            if listed is None:
                return None
            service = listed.account, listed.service
            gone = mark_vanished(session, *service, listed.began_at) if mark else 0
            since = UnreadSince(read_since or listed.began_at, listed.began_at)
            to_read = unread_bindings.count_unread(session, *service, since)
            counts = {"vanished": gone, "to_read": to_read, "ended_at": None if to_read else at}
            session.execute(update(_SYNC).where(*_is(listed)).values(counts))
            return listed.model_copy(update=counts)

    def add_read(self, before: ServiceSyncRecord, more: int) -> ServiceSyncRecord | None:
        """Counts `more` bindings as read; returns None if the sync ended or is not the newest."""
        values = {"were_read": _SYNC.c.were_read + more, "error": None}
        with self._database.write() as session:
            return _update(session, (*_is(before), _SYNC.c.ended_at.is_(None)), values)

    def end(
        self, before: ServiceSyncRecord, at: datetime, cause: Cause | None
    ) -> ServiceSyncRecord | None:
        """Ends a sync after its reads; returns None if it has ended or is not the newest."""
        error = None if cause is None else cause.model_dump(mode="json")
        values: dict[str, Any] = {"ended_at": at, "error": error}
        with self._database.write() as session:
            return _update(session, (*_is(before), _SYNC.c.ended_at.is_(None)), values)

    def restart(self, before: ServiceSyncRecord, now: datetime) -> ServiceSyncRecord | None:
        """Goes back to the first page; returns None if `before` is not the current progress."""
        values = {"began_at": now, "page": None, "seen": 0, "total": None}
        with self._database.write() as session:
            return _update_current(session, before, values)

    def record_error(self, walk: ServiceSync, cause: Cause) -> None:
        """Records why the sync is not advancing, until it advances again."""
        with self._database.write() as session:
            _update_unfinished(session, walk, {"error": cause.model_dump(mode="json")})

    def fail(self, walk: ServiceSync, at: datetime, cause: Cause) -> ServiceSyncRecord | None:
        """Ends a sync with an error; returns None if it is not the newest one."""
        values = {"error": cause.model_dump(mode="json"), "ended_at": at}
        with self._database.write() as session:
            _update_unfinished(session, walk, values)
            record = _find(session, walk)
        return record if record is not None and record.run == walk.run else None

    def list(
        self, account: str | None = None, service: str | None = None
    ) -> list[ServiceSyncRecord]:
        """The newest syncs, by account and service; all by default."""
        query = select(_SYNC).order_by(_SYNC.c.account, _SYNC.c.service)
        if account is not None:
            query = query.where(_SYNC.c.account == account)
        if service is not None:
            query = query.where(_SYNC.c.service == service)
        with self._database.read() as session:
            return [_record(row) for row in session.execute(query).mappings()]


def _is(walk: ServiceSync) -> tuple[Any, ...]:
    return (
        _SYNC.c.account == walk.account,
        _SYNC.c.service == walk.service,
        _SYNC.c.run == walk.run,
    )


def _update_current(
    session: Session, before: ServiceSyncRecord, values: Mapping[str, Any]
) -> ServiceSyncRecord | None:
    """Sets these values if `before` is still the current progress."""
    page = _SYNC.c.page.is_(None) if before.page is None else _SYNC.c.page == before.page
    is_current = (*_is(before), page, _SYNC.c.seen == before.seen, _SYNC.c.ended_at.is_(None))
    return _update(session, is_current, values)


def _update(
    session: Session, where: Sequence[Any], values: Mapping[str, Any]
) -> ServiceSyncRecord | None:
    statement = update(_SYNC).where(*where).values(values).returning(_SYNC)
    row = session.execute(statement).mappings().first()
    return None if row is None else _record(row)


def _update_unfinished(session: Session, walk: ServiceSync, values: Mapping[str, Any]) -> None:
    session.execute(update(_SYNC).where(*_is(walk), _SYNC.c.ended_at.is_(None)).values(values))


def _find(session: Session, walk: ServiceSync) -> ServiceSyncRecord | None:
    own_row = (_SYNC.c.account == walk.account, _SYNC.c.service == walk.service)
    row = session.execute(select(_SYNC).where(*own_row)).mappings().first()
    return None if row is None else _record(row)


def _get(session: Session, walk: ServiceSync) -> ServiceSyncRecord:
    found = _find(session, walk)
    if found is None:
        raise LookupError(f"the sync of {walk.service} was not stored")
    return found


def _record(row: RowMapping) -> ServiceSyncRecord:
    return ServiceSyncRecord.model_validate(dict(row))
