"""Which resources of the inventory are asked for, as a query: nothing is read to be thrown away."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, not_, or_, select, true
from sqlmodel import Session

from domain.errors import BadInput
from domain.model import Value
from domain.plans.filters import split_tag
from domain.plans.request import PlanRequest
from domain.resources.resource import Binding, Resource
from storage.statements import table
from storage.tables.core import CertificateRow, ResourceRow

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


def candidates(session: Session, wish: PlanRequest) -> Iterator[Seen]:
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


def _meant(wish: PlanRequest) -> ColumnElement[bool]:
    here = _R.account.in_(wish.accounts) if wish.accounts else true()
    ways = [_taken(wish)] if wish.takes_all else []
    if len(wish.resources) > MOST_NAMES:
        return here
    if wish.resources:
        ways += [_R.id.in_(wish.resources), _KEY.in_(wish.resources)]
    return and_(here, or_(*ways))


def _taken(wish: PlanRequest) -> ColumnElement[bool]:
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


_ESCAPE = "/"


class Asked(Value):
    """All conditions narrow. `tags` are "key=value", or "key" with any value.

    `search` is a part, in any case, of an id, a domain, or the name or fingerprint of what is
    served. `unmanaged` are fingerprints that no certificate of ours has.
    """

    account: str | None = None
    service: str | None = None
    expiring_before: datetime | None = None
    search: str | None = None
    tags: tuple[str, ...] = ()
    unmanaged: bool = False
    gone: bool = False


def asked_for(asked: Asked) -> Any:
    """The rows, by id; `BadInput` where a tag cannot be one."""
    return select(table(ResourceRow)).where(*_conditions(asked)).order_by(_R.id)


def _conditions(asked: Asked) -> list[ColumnElement[bool]]:
    chosen = [_tagged(tag) for tag in asked.tags]
    if not asked.gone:
        chosen.append(_R.vanished_at.is_(None))
    if asked.account is not None:
        chosen.append(_R.account == asked.account)
    if asked.service is not None:
        chosen.append(_R.service == asked.service)
    if asked.expiring_before is not None:
        chosen.append(asked.expiring_before > _R.not_after)
    if asked.search is not None:
        chosen.append(_holds(asked.search))
    if asked.unmanaged:
        chosen.append(_is_unmanaged())
    return chosen


def _is_unmanaged() -> ColumnElement[bool]:
    ours = table(CertificateRow).c.fingerprint
    return and_(_R.serves.is_not(None), ~exists().where(ours == _R.serves))


def _tagged(tag: str) -> ColumnElement[bool]:
    key, equals, value = tag.partition("=")
    if not key or '"' in key:
        raise BadInput(f"{tag!r} is no tag", where="--tag", fix='Write "key=value", or "key".')
    found: ColumnElement[Any] = _R.tags[key].as_string()
    return found == value if equals else found.is_not(None)


def _holds(text: str) -> ColumnElement[bool]:
    """Part of one of the texts; the database itself makes both sides lower case, so they agree."""
    escaped = "".join(_ESCAPE + each if each in "/%_" else each for each in text)
    pattern = func.lower(f"%{escaped}%")
    domains, binding = _R.document["domains"].as_string(), _R.binding
    texts = (_R.id, domains, _R.serves, binding["name"].as_string(), binding["names"].as_string())
    return or_(*(func.lower(each).like(pattern, escape=_ESCAPE) for each in texts))
