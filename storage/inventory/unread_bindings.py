"""Bindings that no listing tells: which of them a walk has to read, and in what order."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, not_, or_, select
from sqlmodel import Session

from storage.statements import table
from storage.tables.core import ResourceRow

_R = table(ResourceRow).c


class Since(NamedTuple):
    """What is old enough to be read: known from before `read`, asked for before `asked`."""

    read: datetime
    asked: datetime


def ids(session: Session, account: str, service: str, since: Since) -> Sequence[str]:
    """What has to be read: first what was never asked for, then the longest unasked."""
    query = select(_R.id).where(_unread(account, service, since))
    return list(session.scalars(query.order_by(_R.asked_at.is_not(None), _R.asked_at, _R.id)))


def how_many(session: Session, account: str, service: str, since: Since) -> int:
    """How many those are."""
    query = select(func.count()).where(_unread(account, service, since))
    return session.scalar(query) or 0


def _unread(account: str, service: str, since: Since) -> ColumnElement[bool]:
    """What a listing told has no `read_at`; what was asked for in vain is left to the next walk."""
    return and_(
        _R.account == account,
        _R.service == service,
        _R.vanished_at.is_(None),
        or_(not_(_R.binding_known), _R.read_at < since.read),
        or_(_R.asked_at.is_(None), _R.asked_at < since.asked),
    )
