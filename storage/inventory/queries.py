"""Builds the queries of the inventory, so that the database does the filtering.

`storage.inventory.inventory` runs them.
"""

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
from storage.statements import get_table
from storage.tables.core import CertificateRow, ResourceRow

CANDIDATES_PER_BATCH = 2000
MAX_NAMES = 10_000
"""With more names than one statement can take, a query selects all rows of the accounts."""

_R = get_table(ResourceRow).c
_KEY = func.substr(_R.id, func.length(_R.account) + func.length(_R.service) + 3)
_PLAIN_KEY = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_TAGS = TypeAdapter(dict[str, str])


class Candidate(NamedTuple):
    """A resource as of the last sync. It parses its binding and tags only on access."""

    resource: Resource
    binding_json: str | None
    binding_known: bool
    tags_json: str
    seen_at: datetime
    read_at: datetime | None
    vanished_at: datetime | None

    @property
    def binding(self) -> Binding | None:
        """What the resource serves, as far as that is known."""
        text = self.binding_json
        return None if text is None else Binding.model_validate_json(text)

    @property
    def tags(self) -> dict[str, str]:
        """The tags at the provider."""
        return {} if self.tags_json == "{}" else _TAGS.validate_json(self.tags_json)


COLUMNS = (
    cast(_R.document, Text),
    cast(_R.binding, Text),
    _R.binding_known,
    cast(_R.tags, Text),
    _R.seen_at,
    _R.read_at,
    _R.vanished_at,
)
"""The columns for `to_candidate`, with JSON as text."""


def to_candidate(row: Sequence[Any]) -> Candidate:
    """The candidate in a row of `COLUMNS`."""
    document, *rest = row
    return Candidate(Resource.model_validate_json(document), *rest)


def iterate_candidates(session: Session, plan_request: PlanRequest) -> Iterator[Candidate]:
    """The rows that a plan request may mean, by id: all that it means, and some others."""
    query = select(*COLUMNS).where(_may_mean(plan_request)).order_by(_R.id)
    rows = session.execute(query.execution_options(yield_per=CANDIDATES_PER_BATCH))
    for part in rows.partitions():
        yield from map(to_candidate, part)


def find_fingerprints(session: Session, beginning: str, most: int) -> list[str]:
    """Served fingerprints that begin with `beginning`, at most `most`."""
    begins = _R.serves.startswith(beginning, autoescape=True)
    query = select(_R.serves).distinct().where(begins).order_by(_R.serves).limit(most)
    return list(session.scalars(query))


def _may_mean(plan_request: PlanRequest) -> ColumnElement[bool]:
    here = _R.account.in_(plan_request.accounts) if plan_request.accounts else true()
    ways = [_is_selected(plan_request)] if plan_request.takes_unnamed else []
    if len(plan_request.resources) > MAX_NAMES:
        return here
    if plan_request.resources:
        ways += [_R.id.in_(plan_request.resources), _KEY.in_(plan_request.resources)]
    return and_(here, or_(*ways))


def _is_selected(plan_request: PlanRequest) -> ColumnElement[bool]:
    """Selects resources by filters, not by name. A resource of unknown binding passes them."""
    conditions: list[ColumnElement[bool]] = [_R.vanished_at.is_(None)]
    if plan_request.services:
        conditions.append(_R.service.in_(plan_request.services))
    for key, value in map(split_tag, plan_request.tags):
        if _PLAIN_KEY.issuperset(key):
            tag = _R.tags[key].as_string()
            conditions.append(tag.is_not(None) if value is None else tag == value)
    by_binding: list[ColumnElement[bool]] = []
    if plan_request.serving:
        by_binding.append(_R.serves.in_(plan_request.serving))
    if plan_request.expiring_before is not None:
        by_binding.append(_R.not_after < plan_request.expiring_before)
    if by_binding:
        conditions.append(or_(not_(_R.binding_known), and_(*by_binding)))
    return and_(*conditions)


_ESCAPE = "/"


class InventoryQuery(Value):
    """Filters of the inventory; a resource must pass all of them.

    `tags` are "key=value", or "key" for any value. `search` is a part, in upper or lower case, of
    an id, a domain, or the name or fingerprint of the served certificate. `unmanaged` selects
    served certificates that are not ours, `gone` includes vanished resources.
    """

    account: str | None = None
    service: str | None = None
    expiring_before: datetime | None = None
    search: str | None = None
    tags: tuple[str, ...] = ()
    unmanaged: bool = False
    gone: bool = False


def select_resources(wanted: InventoryQuery) -> Any:
    """Selects resources by id; raises `BadInput` ("invalid-tag") for an invalid tag."""
    return select(get_table(ResourceRow)).where(*_conditions(wanted)).order_by(_R.id)


def _conditions(wanted: InventoryQuery) -> list[ColumnElement[bool]]:
    chosen = [_has_tag(tag) for tag in wanted.tags]
    if not wanted.gone:
        chosen.append(_R.vanished_at.is_(None))
    if wanted.account is not None:
        chosen.append(_R.account == wanted.account)
    if wanted.service is not None:
        chosen.append(_R.service == wanted.service)
    if wanted.expiring_before is not None:
        chosen.append(wanted.expiring_before > _R.not_after)
    if wanted.search is not None:
        chosen.append(_contains(wanted.search))
    if wanted.unmanaged:
        chosen.append(_is_unmanaged())
    return chosen


def _is_unmanaged() -> ColumnElement[bool]:
    ours = get_table(CertificateRow).c.fingerprint
    return and_(_R.serves.is_not(None), ~exists().where(ours == _R.serves))


def _has_tag(tag: str) -> ColumnElement[bool]:
    key, equals, value = tag.partition("=")
    if not key or '"' in key:
        raise BadInput(
            f"{tag!r} is not a tag",
            where="--tag",
            fix='Write "key=value" or "key".',
            code="invalid-tag",
        )
    found: ColumnElement[Any] = _R.tags[key].as_string()
    return found == value if equals else found.is_not(None)


def _contains(text: str) -> ColumnElement[bool]:
    """Finds text in a resource. The database itself converts both sides to lower case."""
    escaped = "".join(_ESCAPE + each if each in "/%_" else each for each in text)
    pattern = func.lower(f"%{escaped}%")
    domains, binding = _R.document["domains"].as_string(), _R.binding
    texts = (_R.id, domains, _R.serves, binding["name"].as_string(), binding["names"].as_string())
    return or_(*(func.lower(each).like(pattern, escape=_ESCAPE) for each in texts))
