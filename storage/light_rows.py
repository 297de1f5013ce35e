"""Rows of the inventory by the hundred thousand: as few conversions as possible for each."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Text, and_, cast, func, not_, or_, select, true
from sqlmodel import Session

from domain.filters import split_tag
from domain.resource import Binding, Resource
from domain.wish import Wish
from storage.statements import table
from storage.tables import ResourceRow

AT_ONCE = 2000
MOST_NAMES = 10_000
"""More in one statement than a database takes are looked for among all rows."""

_R = table(ResourceRow).c
_KEY = func.substr(_R.id, func.length(_R.account) + func.length(_R.service) + 3)
_PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_TAGS = TypeAdapter(dict[str, str])


class Seen(NamedTuple):
    """A resource as of the last sync; its binding and tags are read only where someone asks."""

    resource: Resource
    binding_told: str | None
    binding_known: bool
    tags_told: str
    seen_at: datetime
    read_at: datetime | None
    vanished_at: datetime | None

    @property
    def binding(self) -> Binding | None:
        """What it serves, as far as that is known."""
        told = self.binding_told
        return None if told is None else Binding.model_validate_json(told)

    @property
    def tags(self) -> dict[str, str]:
        """The provider's own."""
        return {} if self.tags_told == "{}" else _TAGS.validate_json(self.tags_told)


COLUMNS = (
    cast(_R.document, Text),
    cast(_R.binding, Text),
    _R.binding_known,
    cast(_R.tags, Text),
    _R.seen_at,
    _R.read_at,
    _R.vanished_at,
)
"""What `seen` makes a row of: JSON as it lies there."""


def seen(row: Sequence[Any]) -> Seen:
    """The row of these columns."""
    document, *rest = row
    return Seen(Resource.model_validate_json(document), *rest)


def candidates(session: Session, wish: Wish) -> Iterator[Seen]:
    """The rows that the wish may be about, by id: all that are, and some that are not."""
    query = select(*COLUMNS).where(_meant(wish)).order_by(_R.id)
    rows = session.execute(query.execution_options(yield_per=AT_ONCE))
    for part in rows.partitions():
        yield from map(seen, part)


def serving_like(session: Session, beginning: str, most: int) -> list[str]:
    """Fingerprints that something serves and that begin like this, at most so many."""
    begins = _R.serves.startswith(beginning, autoescape=True)
    query = select(_R.serves).distinct().where(begins).order_by(_R.serves).limit(most)
    return list(session.scalars(query))


def _meant(wish: Wish) -> ColumnElement[bool]:
    here = _R.account.in_(wish.accounts) if wish.accounts else true()
    ways = [_taken(wish)] if wish.takes_all else []
    if len(wish.resources) > MOST_NAMES:
        return here
    if wish.resources:
        ways += [_R.id.in_(wish.resources), _KEY.in_(wish.resources)]
    return and_(here, or_(*ways))


def _taken(wish: Wish) -> ColumnElement[bool]:
    """What is taken without being named. What is not known may turn out to be meant."""
    conditions: list[ColumnElement[bool]] = [_R.vanished_at.is_(None)]
    if wish.services:
        conditions.append(_R.service.in_(wish.services))
    for key, value in map(split_tag, wish.tags):
        if _PLAIN_KEY.issuperset(key):
            there = _R.tags[key].as_string()
            conditions.append(there.is_not(None) if value is None else there == value)
    told: list[ColumnElement[bool]] = []
    if wish.serving:
        told.append(_R.serves.in_(wish.serving))
    if wish.expiring_before is not None:
        told.append(_R.not_after < wish.expiring_before)
    if told:
        conditions.append(or_(not_(_R.binding_known), and_(*told)))
    return and_(*conditions)
