"""Windows and freezes by name, and what a plan or a task touches as far as they care."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, Text, cast, func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete

from domain.calendar.next_opening import MARGIN
from domain.calendar.windows import Calendar, Freeze, Place, Scoped, Window
from domain.errors import BadInput
from domain.plans.plan import Plan
from storage.database import Database
from storage.lookup import unknown
from storage.statements import batches, table
from storage.tables.core import ResourceRow
from storage.tables.planning import FreezeRow, WindowRow
from storage.tasks.outcome_statements import CHANGE, TO_DEPLOY

N = TypeVar("N", bound=Scoped)

_RESOURCE = table(ResourceRow)
_TAGS = cast(_RESOURCE.c.tags, Text)
"""Their text: a column of JSON knows no equality on PostgreSQL."""

_EXPIRES = CHANGE.c.document["before"]["not_after"].as_string()


class Shelf(Generic[N]):
    """Windows, or freezes, by name."""

    def __init__(self, database: Database, row: type[Any], kind: type[N]) -> None:
        self._database, self._row = database, row
        self._kind: type[N] = kind
        self._word = kind.__name__.lower()

    def add(self, one: N, *, replace: bool = False) -> None:
        """Keeps it; `BadInput` if the name is taken, unless it shall `replace` that one."""
        row = self._row(name=one.name, document=one.model_dump(mode="json"))
        try:
            with self._database.write() as session:
                if replace:
                    session.merge(row)
                else:
                    session.add(row)
        except IntegrityError:
            raise BadInput(
                f"there is a {self._word} {one.name!r} already",
                fix="Choose another name, or add --replace.",
            ) from None

    def find(self, name: str) -> N:
        """The one of this name; `BadInput` with the nearest names if there is none."""
        with self._database.read() as session:
            return self._value(self._found(session, name))

    def list(self) -> list[N]:
        """All, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(self._row).order_by(col(self._row.name)))
            return [self._value(row) for row in rows]

    def delete(self, name: str) -> None:
        """Forgets it; `BadInput` if there is none."""
        with self._database.write() as session:
            self._found(session, name)
            session.exec(delete(self._row).where(col(self._row.name) == name))

    def _value(self, row: Any) -> N:
        return self._kind.model_validate(row.document)

    def _found(self, session: Session, name: str) -> Any:
        row = session.get(self._row, name)
        if row is None:
            raise unknown(self._word, name, session.scalars(select(col(self._row.name))))
        return row


class Calendars:
    """`windows` and `freezes`; `margin` is how near an expiry has to be to override them."""

    def __init__(self, database: Database, margin: timedelta = MARGIN) -> None:
        self._database, self.margin = database, margin
        self.windows = Shelf(database, WindowRow, Window)
        self.freezes = Shelf(database, FreezeRow, Freeze)

    def all(self) -> Calendar:
        """All there are, as one value."""
        return Calendar(windows=tuple(self.windows.list()), freezes=tuple(self.freezes.list()))

    def expiry_in_plan(self, plan: Plan, now: datetime) -> datetime | None:
        """When the first of what the plan replaces expires; what is long gone does not count."""
        after = now - self.margin
        expiries = (each.before.not_after for each in plan.changes if each.before)
        return min((each for each in expiries if each is not None and each > after), default=None)

    def expiry_in_task(self, task_id: str, now: datetime) -> datetime | None:
        """The same for the changes of a task that are still to be made."""
        after = f"{(now - self.margin).astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
        query = select(func.min(_EXPIRES)).where(*_left(task_id), after < _EXPIRES)
        with self._database.read() as session:
            expires = session.execute(query).scalar()
        return expires and datetime.fromisoformat(expires)

    def places_of_task(self, task_id: str, calendar: Calendar) -> tuple[Place, ...]:
        """Places of the changes that are still to be made; tags, as of now, where they matter."""
        query: Select[Any] = select(CHANGE.c.account)
        if calendar.heeds_tags:
            joined = CHANGE.outerjoin(_RESOURCE, _RESOURCE.c.id == CHANGE.c.resource_id)
            query = select(CHANGE.c.account, _TAGS).select_from(joined)
        with self._database.read() as session:
            return _places(map(tuple, session.execute(query.where(*_left(task_id)).distinct())))

    def places_of_plan(self, plan: Plan, calendar: Calendar) -> tuple[Place, ...]:
        """Places of all changes; tags are looked up only where `calendar` heeds them."""
        resources = {each.resource.id: each.resource.account for each in plan.changes}
        if not calendar.heeds_tags:
            return tuple(Place(account=account) for account in sorted(set(resources.values())))
        found: set[tuple[str, ...]] = set()
        known: set[str] = set()
        with self._database.read() as session:
            for batch in batches(resources):
                query = select(_RESOURCE.c.id, _TAGS)
                for id_, tags in session.execute(query.where(_RESOURCE.c.id.in_(batch))):
                    found.add((resources[id_], tags))
                    known.add(id_)
        unlisted = {(account,) for id_, account in resources.items() if id_ not in known}
        return _places(found | unlisted)


def _left(task_id: str) -> tuple[ColumnElement[bool], ...]:
    return CHANGE.c.task_id == task_id, TO_DEPLOY


def _places(rows: Iterable[tuple[str | None, ...]]) -> tuple[Place, ...]:
    """Accounts with the text of their tags, where that is known."""
    return tuple(
        Place(account=str(account), tags=json.loads(tags[0]) if tags and tags[0] else {})
        for account, *tags in sorted(rows, key=str)
    )
