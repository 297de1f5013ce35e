"""Stores the inventory: all known resources, as of the last sync.

Syncs and deployments write it; plans, the expiry view and `starter` read it.
"""

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
from domain.resources.resource import Binding, DiscoveredResource, Resource
from storage.database import Database
from storage.inventory import queries, unread_bindings
from storage.inventory.queries import Candidate, InventoryQuery, select_resources
from storage.inventory.unread_bindings import UnreadSince
from storage.listing import Listed, fetch_first
from storage.lookup import build_unknown_error
from storage.statements import BATCH, batches, get_table, upsert
from storage.tables.core import ResourceRow

_R = get_table(ResourceRow)
_SAVE_BINDING = (
    _R.update()
    .where(_R.c.id == bindparam("resource_id"))
    .values(
        binding_known=bindparam("known"),
        read_at=bindparam("at"),
        checked_at=bindparam("at"),
        binding=bindparam("binding", type_=_R.c.binding.type),
        serves=bindparam("serves"),
        not_after=bindparam("not_after"),
    )
)
_SAVE_BINDING_IF_NEWER = _SAVE_BINDING.where(
    or_(_R.c.checked_at.is_(None), _R.c.checked_at <= bindparam("at"))
)


class Inventory:
    """The resources by id. A vanished resource stays, with the time it vanished."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def upsert(
        self,
        found: Sequence[DiscoveredResource],
        seen_at: datetime,
        listed_at: datetime | None = None,
    ) -> None:
        """Adds or refreshes the resources of a listing; they have not vanished any more.

        If the listing does not know a binding, the stored binding stays. If it does, it replaces
        the stored binding and `read_at` becomes None, unless the binding was read or changed after
        the listing was requested (`listed_at`, by default `seen_at`). Raises `BadInput` if the
        account does not exist.
        """
        refresh = partial(_build_refresh, as_of=listed_at or seen_at)
        # One row per statement and key: PostgreSQL refuses to update the same row twice.
        rows = {item.resource.id: _values(item, seen_at) for item in found}
        try:
            for batch in batches(rows.values()):
                with self._database.write() as session:
                    upsert(session, ResourceRow, batch, refresh)
        except IntegrityError:
            names = ", ".join(sorted({item.resource.account for item in found}))
            raise BadInput(
                f"there is no account {names}", where="inventory", code="unknown-account"
            ) from None

    def list(
        self,
        account: str | None = None,
        service: str | None = None,
        include_vanished: bool = False,
        limit: int | None = None,
    ) -> list[InventoryItem]:
        """The resources by id, of all accounts and services by default."""
        query = select(ResourceRow).order_by(col(ResourceRow.id)).limit(limit)
        if account is not None:
            query = query.where(col(ResourceRow.account) == account)
        if service is not None:
            query = query.where(col(ResourceRow.service) == service)
        if not include_vanished:
            query = query.where(col(ResourceRow.vanished_at).is_(None))
        with self._database.read() as session:
            return [_to_item(row) for row in session.exec(query)]

    def search(self, wanted: InventoryQuery, limit: int | None = None) -> Listed[InventoryItem]:
        """The first resources that a query selects, by id; raises `BadInput` for an invalid tag."""
        with self._database.read() as session:
            rows, total = fetch_first(session, select_resources(wanted), limit)
        return Listed([_to_item(row) for row in rows], total)

    def iterate(self, wanted: InventoryQuery) -> Iterator[InventoryItem]:
        """All resources that a query selects, by id, loaded in batches."""
        query = select_resources(wanted).execution_options(yield_per=BATCH)
        with self._database.read() as session:
            for row in session.execute(query):
                yield _to_item(row)

    def get(self, resource_id: str) -> InventoryItem:
        """The resource of this id, also a vanished one; raises `BadInput` if there is none."""
        with self._database.read() as session:
            row = session.get(ResourceRow, resource_id)
            if row is None:
                raise _build_unknown_error(session, resource_id)
            return _to_item(row)

    def get_many(self, resource_ids: Iterable[str]) -> dict[str, InventoryItem]:
        """The known resources among these ids, also vanished ones, by id."""
        found: dict[str, InventoryItem] = {}
        with self._database.read() as session:
            for batch in batches(resource_ids):
                rows = session.exec(select(ResourceRow).where(col(ResourceRow.id).in_(batch)))
                found.update((row.id, _to_item(row)) for row in rows)
        return found

    def iterate_candidates(self, plan_request: PlanRequest) -> Iterator[Candidate]:
        """The resources that a plan request may mean, by id; the caller applies name filters.

        They are loaded in batches, so that they are never all in memory.
        """
        with self._database.read() as session:
            yield from queries.iterate_candidates(session, plan_request)

    def find_fingerprints(self, beginning: str, most: int = 6) -> Sequence[str]:
        """Served fingerprints that begin with `beginning`, at most `most`."""
        with self._database.read() as session:
            return queries.find_fingerprints(session, beginning, most)

    def save_read_bindings(
        self, read: Iterable[tuple[str, Binding | None]], read_at: datetime
    ) -> None:
        """Saves bindings that were read at `read_at` or later; None means HTTPS is off.

        Unknown resources are skipped. So are bindings that a deployment has changed or marked as
        unknown since: the read may show the binding before.
        """
        for batch in batches(_build_values(each, binding, read_at) for each, binding in read):
            with self._database.statements() as connection:
                connection.execute(_SAVE_BINDING_IF_NEWER, batch)

    def list_unread(self, account: str, service: str, since: UnreadSince) -> Sequence[str]:
        """Ids of the resources that a sync must read, the least recently checked first."""
        with self._database.read() as session:
            return unread_bindings.list_unread(session, account, service, since)

    def mark_checked(self, resource_ids: Iterable[str], at: datetime) -> None:
        """Records that reads of these bindings failed, so that a sync reads others first."""
        for batch in batches(resource_ids):
            with self._database.write() as session:
                checked = update(ResourceRow).where(col(ResourceRow.id).in_(batch))
                session.exec(checked.values(checked_at=at))

    def save_binding(self, resource_id: str, binding: Binding | None, at: datetime) -> bool:
        """Saves the binding that a deployment made; returns whether the resource is known."""
        with self._database.statements() as connection:
            return (
                connection.execute(_SAVE_BINDING, _build_values(resource_id, binding, at)).rowcount
                > 0
            )

    def mark_unknown(self, resource_id: str, at: datetime | None = None) -> bool:
        """Marks a binding as unknown, because a change of it ended unclear; the next sync reads it.

        Observations from before `at` (by default now) do not count. Returns whether the resource
        is known.
        """
        statement = update(ResourceRow).where(col(ResourceRow.id) == resource_id)
        values = {"binding_known": False, "read_at": None, "checked_at": at or datetime.now(UTC)}
        with self._database.write() as session:
            done = session.exec(statement.values(**values))
            return done.rowcount > 0


def mark_vanished(session: Session, account: str, service: str, not_seen_since: datetime) -> int:
    """Marks resources that no listing has shown since then as vanished; returns how many."""
    gone = (
        col(ResourceRow.account) == account,
        col(ResourceRow.service) == service,
        col(ResourceRow.seen_at) < not_seen_since,
        col(ResourceRow.vanished_at).is_(None),
    )
    done = session.exec(update(ResourceRow).where(*gone).values(vanished_at=not_seen_since))
    return done.rowcount


def _build_refresh(new: Any, as_of: datetime) -> Mapping[str, Any]:
    """The new values of a stored row that a listing shows again."""
    row = ResourceRow
    checked_at = col(row.checked_at)
    known = and_(new.binding_known, or_(checked_at.is_(None), checked_at <= as_of))
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


def _values(item: DiscoveredResource, seen_at: datetime) -> dict[str, Any]:
    return {
        "id": item.resource.id,
        "account": item.resource.account,
        "service": item.resource.service,
        "document": item.resource.model_dump(mode="json"),
        **_to_binding_columns(item.binding),
        "binding_known": item.binding_known,
        "tags": item.tags,
        "seen_at": seen_at,
        "read_at": None,
        "checked_at": None,
        "vanished_at": None,
    }


def _build_values(resource_id: str, binding: Binding | None, at: datetime) -> dict[str, Any]:
    """The parameters of `_SAVE_BINDING`."""
    return {"resource_id": resource_id, "known": True, "at": at, **_to_binding_columns(binding)}


def _to_binding_columns(binding: Binding | None) -> dict[str, Any]:
    return {
        "binding": None if binding is None else binding.model_dump(mode="json"),
        "serves": binding and binding.fingerprint,
        "not_after": binding and binding.not_after,
    }


def _to_item(row: Any) -> InventoryItem:
    return InventoryItem(
        resource=Resource.model_validate(row.document),
        binding=None if row.binding is None else Binding.model_validate(row.binding),
        binding_known=row.binding_known,
        tags=row.tags,
        seen_at=row.seen_at,
        read_at=row.read_at,
        vanished_at=row.vanished_at,
    )


def _build_unknown_error(session: Session, resource_id: str) -> BadInput:
    return build_unknown_error("resource", resource_id, session.exec(select(ResourceRow.id)))
