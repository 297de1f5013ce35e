"""Stores saved plans, for `starter`. A list of plans does not load their changes."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, insert, select
from sqlmodel import Session, col, delete

from domain.errors import BadInput
from domain.plans.plan import Change, Plan
from domain.plans.saved import SavedPlan
from storage.database import Database
from storage.lookup import build_ambiguous_error, build_unknown_error
from storage.statements import batches, get_table
from storage.tables.planning import SavedChangeRow, SavedPlanRow

_PLAN = get_table(SavedPlanRow)
_CHANGE = get_table(SavedChangeRow)
_LISTED = [column for column in _PLAN.c if column.name != "plan"]


class SavedPlans:
    """The saved plans by id. Names are not unique."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, record: SavedPlan, plan: Plan) -> None:
        """Adds a plan; raises `ValueError` if the record does not belong to it."""
        if (record.digest, record.changes) != (plan.digest, len(plan.changes)):
            raise ValueError("the record does not belong to the plan")
        row = record.model_dump(mode="json", exclude={"created_at"})
        rest = plan.model_dump(mode="json", exclude={"changes"})
        with self._database.write() as session:
            session.add(SavedPlanRow(**row, created_at=record.created_at, plan=rest))
            session.flush()
            for batch in batches(_change_values(record.id, plan)):
                session.execute(insert(_CHANGE), batch)

    def find(self, id_or_name_or_id_prefix: str) -> SavedPlan:
        """The plan of this id, else of this name, else whose id begins like this.

        Raises `BadInput` if there is none or more than one.
        """
        wanted = id_or_name_or_id_prefix
        with self._database.read() as session:
            named = _rows(session, _PLAN.c.id == wanted) or _rows(session, _PLAN.c.name == wanted)
            begun = _PLAN.c.id.startswith(wanted, autoescape=True)
            rows = named or (_rows(session, begun) if wanted else [])
            if len(named) > 1:
                ids = ", ".join(sorted(row["id"] for row in named))
                raise BadInput(
                    f"{wanted!r} names several plans: {ids}",
                    fix="Give the id.",
                    code="ambiguous-plan",
                )
            if len(rows) > 1:
                raise build_ambiguous_error(
                    "plan", wanted, (f"{row['id']} ({row['name']})" for row in rows)
                )
            if not rows:
                raise build_unknown_error("plan", wanted, session.scalars(select(_PLAN.c.name)))
            return SavedPlan.model_validate(rows[0])

    def get_plan(self, plan_id: str) -> Plan:
        """The plan, with the digest that it was stored with; raises `BadInput` if there is none."""
        changes = select(_CHANGE.c.document).where(_CHANGE.c.plan_id == plan_id)
        with self._database.read() as session:
            rest = session.scalar(select(_PLAN.c.plan).where(_PLAN.c.id == plan_id))
            if rest is None:
                raise build_unknown_error("plan", plan_id, session.scalars(select(_PLAN.c.id)))
            documents = session.scalars(changes.order_by(_CHANGE.c.ordinal))
            return Plan.model_validate(
                {**rest, "changes": [Change.model_validate(each) for each in documents]}
            )

    def list(self, limit: int | None = None) -> list[SavedPlan]:
        """The saved plans without their changes, newest first."""
        newest = (_PLAN.c.created_at.desc(), _PLAN.c.id.desc())
        with self._database.read() as session:
            rows = session.execute(select(*_LISTED).order_by(*newest).limit(limit)).mappings()
            return [SavedPlan.model_validate(row) for row in rows]

    def delete(self, plan_id: str) -> None:
        """Deletes a plan with its changes; raises `BadInput` if there is none."""
        with self._database.write() as session:
            gone = session.exec(delete(SavedPlanRow).where(col(SavedPlanRow.id) == plan_id))
            if gone.rowcount == 0:
                raise build_unknown_error("plan", plan_id, session.scalars(select(_PLAN.c.id)))


def _rows(session: Session, which: ColumnElement[bool]) -> list[RowMapping]:
    return list(session.execute(select(*_LISTED).where(which).limit(6)).mappings())


def _change_values(plan_id: str, plan: Plan) -> Iterator[Mapping[str, Any]]:
    for ordinal, change in enumerate(plan.changes):
        document = change.model_dump(mode="json")
        yield {"plan_id": plan_id, "ordinal": ordinal, "document": document}
