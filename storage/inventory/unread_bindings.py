"""Selects the bindings that a sync must read itself, because no listing shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlmodel import Session

from storage.statements import get_table
from storage.tables.core import ResourceRow

_R = get_table(ResourceRow).c


class UnreadSince(NamedTuple):
    """A binding is read again if it was read before `read` and checked before `checked`."""

    read: datetime
    checked: datetime


def list_unread(session: Session, account: str, service: str, since: UnreadSince) -> Sequence[str]:
    """The ids of resources to read: first those never checked, then the least recently checked."""
    query = select(_R.id).where(_unread(account, service, since))
    return list(session.scalars(query.order_by(_R.checked_at.is_not(None), _R.checked_at, _R.id)))


def count_unread(session: Session, account: str, service: str, since: UnreadSince) -> int:
    """How many bindings must be read."""
    query = select(func.count()).where(_unread(account, service, since))
    return session.scalar(query) or 0


def _unread(account: str, service: str, since: UnreadSince) -> ColumnElement[bool]:
    """A binding from a listing has no `read_at`. The next sync repeats reads that failed."""
    return and_(
        _R.account == account,
        _R.service == service,
        _R.vanished_at.is_(None),
        or_(not_(_R.binding_known), _R.read_at < since.read),
        or_(_R.checked_at.is_(None), _R.checked_at < since.checked),
    )
