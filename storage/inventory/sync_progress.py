"""How far each service of each account was walked: where a killed walk goes on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from domain.cause import Cause
from domain.errors import BadInput
from domain.resources.inventory_sync import Walk, WalkRecord
from storage.database import Database
from storage.inventory import unread_bindings
from storage.inventory.inventory import mark_vanished
from storage.inventory.unread_bindings import Since
from storage.statements import table, upsert
from storage.tables.planning import SyncRow

_SYNC = table(SyncRow)


class Syncs:
    """The newest walk of each service. Who was overtaken by another attempt changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, walk: Walk, now: datetime) -> WalkRecord:
        """The walk as far as it came, with its former beginning; one of a new run begins anew.

        `BadInput` if there is no such account.
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
                return _there(session, walk)
        except IntegrityError:
            raise BadInput(f"there is no account {walk.account}", where="inventory") from None

    def advance(
        self, before: WalkRecord, page: str, seen: int, total: int | None
    ) -> WalkRecord | None:
        """Goes on at `page` the next time; None if `before` is not where the walk stands."""
        values = {"page": page, "seen": seen, "total": total, "error": None}
        with self._database.write() as session:
            return _moved(session, before, values)

    def finish(
        self,
        before: WalkRecord,
        at: datetime,
        seen: int,
        total: int | None,
        *,
        mark: bool,
        read_since: datetime | None = None,
    ) -> WalkRecord | None:
        """All is listed: marks what was not seen, and counts what is to be read; None as above.

        At once: an end without marks, or marks that nobody counted, would stay. With nothing to
        read the walk has ended. What was read after `read_since`, by default the walk's beginning,
        is not read again.
        """
        values: dict[str, Any] = {"seen": seen, "total": total, "error": None}
        values |= {"complete_at": before.began_at, "page": None}
        with self._database.write() as session:
            listed = _moved(session, before, values)
            if listed is None:
                return None
            place = listed.account, listed.service
            gone = mark_vanished(session, *place, listed.began_at) if mark else 0
            since = Since(read_since or listed.began_at, listed.began_at)
            to_read = unread_bindings.how_many(session, *place, since)
            counts = {"vanished": gone, "to_read": to_read, "ended_at": None if to_read else at}
            session.execute(update(_SYNC).where(*_is(listed)).values(counts))
            return listed.model_copy(update=counts)

    def read_on(self, before: WalkRecord, more: int) -> WalkRecord | None:
        """So many bindings more were read; None if the walk has ended, or another has begun."""
        values = {"were_read": _SYNC.c.were_read + more, "error": None}
        with self._database.write() as session:
            return _changed(session, (*_is(before), _SYNC.c.ended_at.is_(None)), values)

    def end(self, before: WalkRecord, at: datetime, cause: Cause | None) -> WalkRecord | None:
        """Ends a walk that has listed all, and read what could be read; None as above."""
        told = None if cause is None else cause.model_dump(mode="json")
        values: dict[str, Any] = {"ended_at": at, "error": told}
        with self._database.write() as session:
            return _changed(session, (*_is(before), _SYNC.c.ended_at.is_(None)), values)

    def restart(self, before: WalkRecord, now: datetime) -> WalkRecord | None:
        """Back to the first page; None as above."""
        values = {"began_at": now, "page": None, "seen": 0, "total": None}
        with self._database.write() as session:
            return _moved(session, before, values)

    def stumble(self, walk: Walk, cause: Cause) -> None:
        """Keeps for people why the walk stands still, until it goes on."""
        with self._database.write() as session:
            _close(session, walk, {"error": cause.model_dump(mode="json")})

    def fail(self, walk: Walk, at: datetime, cause: Cause) -> WalkRecord | None:
        """Ends a walk that is given up; None if another one has begun, or the account is gone."""
        values = {"error": cause.model_dump(mode="json"), "ended_at": at}
        with self._database.write() as session:
            _close(session, walk, values)
            record = _find(session, walk)
        return record if record is not None and record.run == walk.run else None

    def list(self, account: str | None = None, service: str | None = None) -> list[WalkRecord]:
        """The newest walks, by account and service; all unless told."""
        query = select(_SYNC).order_by(_SYNC.c.account, _SYNC.c.service)
        if account is not None:
            query = query.where(_SYNC.c.account == account)
        if service is not None:
            query = query.where(_SYNC.c.service == service)
        with self._database.read() as session:
            return [_record(row) for row in session.execute(query).mappings()]


def _is(walk: Walk) -> tuple[Any, ...]:
    return (
        _SYNC.c.account == walk.account,
        _SYNC.c.service == walk.service,
        _SYNC.c.run == walk.run,
    )


def _moved(session: Session, before: WalkRecord, values: Mapping[str, Any]) -> WalkRecord | None:
    """The walk with these values, if it still stands where `before` says."""
    page = _SYNC.c.page.is_(None) if before.page is None else _SYNC.c.page == before.page
    stands = (*_is(before), page, _SYNC.c.seen == before.seen, _SYNC.c.ended_at.is_(None))
    return _changed(session, stands, values)


def _changed(
    session: Session, where: Sequence[Any], values: Mapping[str, Any]
) -> WalkRecord | None:
    changing = update(_SYNC).where(*where).values(values).returning(_SYNC)
    row = session.execute(changing).mappings().first()
    return None if row is None else _record(row)


def _close(session: Session, walk: Walk, values: Mapping[str, Any]) -> None:
    session.execute(update(_SYNC).where(*_is(walk), _SYNC.c.ended_at.is_(None)).values(values))


def _find(session: Session, walk: Walk) -> WalkRecord | None:
    the_one = (_SYNC.c.account == walk.account, _SYNC.c.service == walk.service)
    row = session.execute(select(_SYNC).where(*the_one)).mappings().first()
    return None if row is None else _record(row)


def _there(session: Session, walk: Walk) -> WalkRecord:
    found = _find(session, walk)
    if found is None:
        raise LookupError(f"the walk through {walk.service} was not kept")
    return found


def _record(row: RowMapping) -> WalkRecord:
    return WalkRecord.model_validate(dict(row))
