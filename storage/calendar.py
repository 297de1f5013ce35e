"""Stores maintenance windows and freezes, and reads what of a plan or task they concern.

`starter` edits them; activities and plans check them.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, Text, cast, func, select
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, delete

from domain.calendar.allowed_start import DEFAULT_EXPIRY_MARGIN
from domain.calendar.windows import Calendar, CalendarRule, CalendarTarget, Freeze, Window
from domain.errors import BadInput
from domain.plans.plan import Plan
from storage.database import Database
from storage.lookup import build_unknown_error
from storage.statements import batches, get_table
from storage.tables.core import ResourceRow
from storage.tables.planning import FreezeRow, WindowRow
from storage.tasks.outcome_statements import CHANGE, TO_DEPLOY

N = TypeVar("N", bound=CalendarRule)

_RESOURCE = get_table(ResourceRow)
_TAGS = cast(_RESOURCE.c.tags, Text)
"""Tags as text: PostgreSQL cannot compare JSON columns for equality."""

_EXPIRES = CHANGE.c.document["before"]["not_after"].as_string()


class CalendarRules(Generic[N]):
    """Maintenance windows, or freezes, by name."""

    def __init__(self, database: Database, row: type[Any], kind: type[N]) -> None:
        self._database, self._row = database, row
        self._kind: type[N] = kind
        self._word = kind.__name__.lower()

    def add(self, rule: N, *, replace: bool = False) -> None:
        """Adds a rule or replaces one; raises `BadInput` if the name is taken and not `replace`."""
        row = self._row(name=rule.name, document=rule.model_dump(mode="json"))
        try:
            with self._database.write() as session:
                if replace:
                    session.merge(row)
                else:
                    session.add(row)
        except IntegrityError:
            raise BadInput(
                f"there is already a {self._word} {rule.name!r}",
                fix="Choose another name, or add --replace.",
                code="name-taken",
            ) from None

    def find(self, name: str) -> N:
        """The rule of this name; raises `BadInput` if there is none."""
        with self._database.read() as session:
            return self._to_rule(self._get_row(session, name))

    def list(self) -> list[N]:
        """All rules, by name."""
        with self._database.read() as session:
            rows = session.scalars(select(self._row).order_by(col(self._row.name)))
            return [self._to_rule(row) for row in rows]

    def delete(self, name: str) -> None:
        """Deletes a rule; raises `BadInput` if there is none."""
        with self._database.write() as session:
            self._get_row(session, name)
            session.exec(delete(self._row).where(col(self._row.name) == name))

    def _to_rule(self, row: Any) -> N:
        return self._kind.model_validate(row.document)

    def _get_row(self, session: Session, name: str) -> Any:
        row = session.get(self._row, name)
        if row is None:
            raise build_unknown_error(
                self._word, name, session.scalars(select(col(self._row.name)))
            )
        return row


class Calendars:
    """The `windows` and `freezes`. An expiry within `margin` overrides them."""

    def __init__(self, database: Database, margin: timedelta = DEFAULT_EXPIRY_MARGIN) -> None:
        self._database, self.margin = database, margin
        self.windows = CalendarRules(database, WindowRow, Window)
        self.freezes = CalendarRules(database, FreezeRow, Freeze)

    def get(self) -> Calendar:
        """All windows and freezes, as one value."""
        return Calendar(windows=tuple(self.windows.list()), freezes=tuple(self.freezes.list()))

    def find_plan_expiry(self, plan: Plan, now: datetime) -> datetime | None:
        """The first expiry among the certificates that a plan replaces.

        Certificates that expired more than `margin` ago do not count.
        """
        after = now - self.margin
        expiries = (each.before.not_after for each in plan.changes if each.before)
        return min((each for each in expiries if each is not None and each > after), default=None)

    def find_task_expiry(self, task_id: str, now: datetime) -> datetime | None:
        """The first expiry among the certificates that a task still has to replace."""
        after = f"{(now - self.margin).astimezone(UTC).replace(tzinfo=None).isoformat()}Z"
        query = select(func.min(_EXPIRES)).where(*_is_to_deploy(task_id), after < _EXPIRES)
        with self._database.read() as session:
            expires = session.execute(query).scalar()
        return expires and datetime.fromisoformat(expires)

    def list_task_targets(self, task_id: str, calendar: Calendar) -> tuple[CalendarTarget, ...]:
        """Account and current tags of each resource that a task still has to change.

        Tags are read only if `calendar` uses them.
        """
        query: Select[Any] = select(CHANGE.c.account)
        if calendar.uses_tags:
            joined = CHANGE.outerjoin(_RESOURCE, _RESOURCE.c.id == CHANGE.c.resource_id)
            query = select(CHANGE.c.account, _TAGS).select_from(joined)
        with self._database.read() as session:
            return _build_targets(
                map(tuple, session.execute(query.where(*_is_to_deploy(task_id)).distinct()))
            )

    def list_plan_targets(self, plan: Plan, calendar: Calendar) -> tuple[CalendarTarget, ...]:
        """The same for all changes of a plan."""
        resources = {each.resource.id: each.resource.account for each in plan.changes}
        if not calendar.uses_tags:
            return tuple(
                CalendarTarget(account=account) for account in sorted(set(resources.values()))
            )
        rows: set[tuple[str, ...]] = set()
        known: set[str] = set()
        with self._database.read() as session:
            for batch in batches(resources):
                query = select(_RESOURCE.c.id, _TAGS)
                for id_, tags in session.execute(query.where(_RESOURCE.c.id.in_(batch))):
                    rows.add((resources[id_], tags))
                    known.add(id_)
        unlisted = {(account,) for id_, account in resources.items() if id_ not in known}
        return _build_targets(rows | unlisted)


def _is_to_deploy(task_id: str) -> tuple[ColumnElement[bool], ...]:
    return CHANGE.c.task_id == task_id, TO_DEPLOY


def _build_targets(rows: Iterable[tuple[str | None, ...]]) -> tuple[CalendarTarget, ...]:
    """Converts rows of an account and, where known, its resource's tags as JSON."""
    return tuple(
        CalendarTarget(account=str(account), tags=json.loads(tags[0]) if tags and tags[0] else {})
        for account, *tags in sorted(rows, key=str)
    )
