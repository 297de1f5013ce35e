"""The inventory: every resource known, as of the last sync."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import and_, bindparam, case, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select, update

from domain.errors import BadInput
from domain.plans.request import PlanRequest
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, Found, Resource
from storage.database import Database
from storage.inventory import queries, unread_bindings
from storage.inventory.queries import Asked, Seen, asked_for
from storage.inventory.unread_bindings import Since
from storage.listing import Listed, first
from storage.lookup import unknown
from storage.statements import BATCH, batches, table, upsert
from storage.tables.core import ResourceRow

_R = table(ResourceRow)
_KEEP_BINDING = (
    _R.update()
    .where(_R.c.id == bindparam("resource_id"))
    .values(
        binding_known=bindparam("known"),
        read_at=bindparam("at"),
        asked_at=bindparam("at"),
        binding=bindparam("binding", type_=_R.c.binding.type),
        serves=bindparam("serves"),
        not_after=bindparam("not_after"),
    )
)
_KEEP_IF_NEWER = _KEEP_BINDING.where(or_(_R.c.asked_at.is_(None), _R.c.asked_at <= bindparam("at")))


class Inventory:
    """Resources by id; what vanished is marked and stays."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def upsert(
        self, found: Sequence[Found], seen_at: datetime, listed_at: datetime | None = None
    ) -> None:
        """Adds or refreshes what a listing shows, and takes back that it had vanished.

        A binding that was read stays where the listing does not know it. Where the listing does,
        its word replaces the binding, and `read_at` is None until the next read; but not where it
        was asked for (`listed_at`, by default `seen_at`) before the binding became what it is.
        """
        refreshed = partial(_refreshed, as_of=listed_at or seen_at)
        # One row per statement and key: PostgreSQL refuses to update the same row twice.
        rows = {item.resource.id: _values(item, seen_at) for item in found}
        try:
            for batch in batches(rows.values()):
                with self._database.write() as session:
                    upsert(session, ResourceRow, batch, refreshed)
        except IntegrityError:
            names = ", ".join(sorted({item.resource.account for item in found}))
            raise BadInput(f"there is no account {names}", where="inventory") from None

    def mark_vanished(self, account: str, service: str, not_seen_since: datetime) -> int:
        """Marks what no listing has shown since then (the start of a sync); how many are new."""
        with self._database.write() as session:
            return mark_vanished(session, account, service, not_seen_since)

    def list(
        self,
        account: str | None = None,
        service: str | None = None,
        include_vanished: bool = False,
        limit: int | None = None,
    ) -> list[InventoryItem]:
        """Resources by id; all accounts and services unless told."""
        query = select(ResourceRow).order_by(col(ResourceRow.id)).limit(limit)
        if account is not None:
            query = query.where(col(ResourceRow.account) == account)
        if service is not None:
            query = query.where(col(ResourceRow.service) == service)
        if not include_vanished:
            query = query.where(col(ResourceRow.vanished_at).is_(None))
        with self._database.read() as session:
            return [_item(row) for row in session.exec(query)]

    def search(self, asked: Asked, limit: int | None = None) -> Listed[InventoryItem]:
        """The first of what is asked for, by id; `BadInput` where a tag cannot be one."""
        with self._database.read() as session:
            rows, total = first(session, asked_for(asked), limit)
        return Listed([_item(row) for row in rows], total)

    def each(self, asked: Asked) -> Iterator[InventoryItem]:
        """All of what is asked for, by id, read as it is used: for lists of any length."""
        query = asked_for(asked).execution_options(yield_per=BATCH)
        with self._database.read() as session:
            for row in session.execute(query):
                yield _item(row)

    def get(self, resource_id: str) -> InventoryItem:
        """The one of this id, vanished or not; `BadInput` if there is none."""
        with self._database.read() as session:
            row = session.get(ResourceRow, resource_id)
            if row is None:
                raise _unknown(session, resource_id)
            return _item(row)

    def some(self, resource_ids: Iterable[str]) -> dict[str, InventoryItem]:
        """Those of these ids that are known, vanished or not, by id."""
        found: dict[str, InventoryItem] = {}
        with self._database.read() as session:
            for batch in batches(resource_ids):
                rows = session.exec(select(ResourceRow).where(col(ResourceRow.id).in_(batch)))
                found.update((row.id, _item(row)) for row in rows)
        return found

    def candidates(self, wish: PlanRequest) -> Iterator[Seen]:
        """What the wish may be about, by id; filters over names are left to who looks at them.

        Rows come a few at a time, so that never all of them lie in memory.
        """
        with self._database.read() as session:
            yield from queries.candidates(session, wish)

    def serving_like(self, beginning: str, most: int = 6) -> Sequence[str]:
        """Fingerprints that some resource serves and that begin like this, at most so many."""
        with self._database.read() as session:
            return queries.serving_like(session, beginning, most)

    def record_binding(self, resource_id: str, binding: Binding | None, read_at: datetime) -> None:
        """Keeps what a read told; None: HTTPS is off. `BadInput` if the resource is unknown."""
        if not self.bound(resource_id, binding, read_at):
            with self._database.read() as session:
                raise _unknown(session, resource_id)

    def record_bindings(
        self, read: Iterable[tuple[str, Binding | None]], read_at: datetime
    ) -> None:
        """The same for many, asked at `read_at` or later; what is unknown is passed over.

        So is what was bound or put in doubt since: the read may have seen what was there before.
        """
        for batch in batches(_known(each, binding, read_at) for each, binding in read):
            with self._database.statements() as connection:
                connection.execute(_KEEP_IF_NEWER, batch)

    def untold(self, account: str, service: str, since: Since) -> Sequence[str]:
        """Ids of what a walk has to read, the longest unread first."""
        with self._database.read() as session:
            return unread_bindings.ids(session, account, service, since)

    def asked_in_vain(self, resource_ids: Iterable[str], at: datetime) -> None:
        """Remembers when they did not tell what they serve, so that others are asked first."""
        for batch in batches(resource_ids):
            with self._database.write() as session:
                asked = update(ResourceRow).where(col(ResourceRow.id).in_(batch))
                session.exec(asked.values(asked_at=at))

    def bound(self, resource_id: str, binding: Binding | None, at: datetime) -> bool:
        """Keeps what a deployment has bound; whether the resource is known here."""
        with self._database.statements() as connection:
            return connection.execute(_KEEP_BINDING, _known(resource_id, binding, at)).rowcount > 0

    def doubt(self, resource_id: str, at: datetime | None = None) -> bool:
        """Has its binding read again before it is relied on: a change of it ended unclear.

        Nothing that was seen before `at`, by default now, takes that back.
        """
        doubting = update(ResourceRow).where(col(ResourceRow.id) == resource_id)
        values = {"binding_known": False, "read_at": None, "asked_at": at or datetime.now(UTC)}
        with self._database.write() as session:
            done = session.exec(doubting.values(**values))
            return done.rowcount > 0


def mark_vanished(session: Session, account: str, service: str, not_seen_since: datetime) -> int:
    """The same, within a transaction that keeps more than this."""
    gone = (
        col(ResourceRow.account) == account,
        col(ResourceRow.service) == service,
        col(ResourceRow.seen_at) < not_seen_since,
        col(ResourceRow.vanished_at).is_(None),
    )
    done = session.exec(update(ResourceRow).where(*gone).values(vanished_at=not_seen_since))
    return done.rowcount


def _refreshed(new: Any, as_of: datetime) -> Mapping[str, Any]:
    """What becomes of a row that is there already, when a listing shows it again."""
    row = ResourceRow
    asked_at = col(row.asked_at)
    known = and_(new.binding_known, or_(asked_at.is_(None), asked_at <= as_of))
    return {
        "document": new.document,
        "seen_at": new.seen_at,
        "vanished_at": None,
        "tags": new.tags,
        "binding": case((known, new.binding), else_=col(row.binding)),
        "serves": case((known, new.serves), else_=col(row.serves)),
        "not_after": case((known, new.not_after), else_=col(row.not_after)),
        "binding_known": or_(col(row.binding_known), known),
        "read_at": case((known, None), else_=col(row.read_at)),
    }


def _values(item: Found, seen_at: datetime) -> dict[str, Any]:
    return {
        "id": item.resource.id,
        "account": item.resource.account,
        "service": item.resource.service,
        "document": item.resource.model_dump(mode="json"),
        **_served(item.binding),
        "binding_known": item.binding_known,
        "tags": item.tags,
        "seen_at": seen_at,
        "read_at": None,
        "asked_at": None,
        "vanished_at": None,
    }


def _known(resource_id: str, binding: Binding | None, at: datetime) -> dict[str, Any]:
    """The values of `_KEEP_BINDING`."""
    return {"resource_id": resource_id, "known": True, "at": at, **_served(binding)}


def _served(binding: Binding | None) -> dict[str, Any]:
    return {
        "binding": None if binding is None else binding.model_dump(mode="json"),
        "serves": binding and binding.fingerprint,
        "not_after": binding and binding.not_after,
    }


def _item(row: Any) -> InventoryItem:
    return InventoryItem(
        resource=Resource.model_validate(row.document),
        binding=None if row.binding is None else Binding.model_validate(row.binding),
        binding_known=row.binding_known,
        tags=row.tags,
        seen_at=row.seen_at,
        read_at=row.read_at,
        vanished_at=row.vanished_at,
    )


def _unknown(session: Session, resource_id: str) -> BadInput:
    return unknown("resource", resource_id, session.exec(select(ResourceRow.id)))
