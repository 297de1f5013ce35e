"""Which resources of the inventory are asked for, as a query: nothing is read to be thrown away."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select

from domain.errors import BadInput
from domain.model import Value
from storage.statements import table
from storage.tables import CertificateRow, ResourceRow

_R = table(ResourceRow).c
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
