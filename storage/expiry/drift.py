"""What handshakes have shown since in place of what our tasks left."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import tuple_
from sqlmodel import col, delete, select

from domain.model import Value
from domain.plans.plan import Change
from domain.tasks.record import OutcomeRecord
from storage.database import Database
from storage.expiry import statements as statements
from storage.statements import batches, upsert
from storage.tables.evidence import EdgeDriftRow
from storage.tasks.outcome_statements import CHANGE
from storage.tasks.reverification import KEPT


class EdgeDrift(Value):
    """One resource whose endpoint shows another certificate than `task_id` left there."""

    resource_id: str
    task_id: str
    seen: str | None
    address: str
    problem: str
    since: datetime
    seen_at: datetime


class EdgeDrifts:
    """The newest finding of each resource; none where all is well."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[EdgeDrift]:
        """All, by resource."""
        query = select(EdgeDriftRow).order_by(col(EdgeDriftRow.resource_id))
        with self._database.read() as session:
            return [EdgeDrift.model_validate(row.model_dump()) for row in session.exec(query)]

    def put(self, found: EdgeDrift) -> bool:
        """Keeps a finding; whether it is news: not the same thing as was seen there before."""
        with self._database.write() as session:
            before = session.get(EdgeDriftRow, found.resource_id)
            same = before is not None and (before.task_id, before.seen) == (
                found.task_id,
                found.seen,
            )
            since = before.since if before is not None and same else found.since
            values = found.model_copy(update={"since": since}).model_dump()
            upsert(session, EdgeDriftRow, [values], lambda new: {c.name: c for c in new})
        return not same

    def clear(self, resource_ids: Iterable[str]) -> int:
        """All is well there; of how many that is news."""
        cleared = 0
        with self._database.write() as session:
            for batch in batches(resource_ids):
                gone = delete(EdgeDriftRow).where(col(EdgeDriftRow.resource_id).in_(batch))
                cleared += session.exec(gone).rowcount
        return cleared

    def last_deployments(self, task_id: str | None = None) -> Sequence[tuple[str, int]]:
        """Task and ordinal of what is to be served at each resource, of all tasks or of one."""
        with self._database.read() as session:
            rows = session.execute(statements.last_there()).all()
        return [(row.task_id, row.ordinal) for row in rows if task_id in (None, row.task_id)]

    def records(self, wanted: Sequence[tuple[str, int]]) -> Sequence[OutcomeRecord]:
        """These changes, at most some hundred."""
        the_ones = tuple_(CHANGE.c.task_id, CHANGE.c.ordinal).in_(wanted)
        query = CHANGE.select().where(the_ones).order_by(CHANGE.c.resource_id)
        with self._database.read() as session:
            return [
                OutcomeRecord(
                    **{each: row[each] for each in KEPT},
                    change=Change.model_validate(row["document"]),
                )
                for row in session.execute(query).mappings()
            ]
