"""Records the drift that handshakes observe; the daily verification calls it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import col, delete, select

from domain.model import Value
from storage.database import Database
from storage.expiry import statements
from storage.statements import batches, upsert
from storage.tables.evidence import EdgeDriftRow


class EdgeDrift(Value):
    """A resource whose endpoint shows another certificate than the task `task_id` deployed.

    `observed` is a fingerprint, None if the endpoint shows no certificate. `since` is when it was
    first observed, `observed_at` when it was last observed.
    """

    resource_id: str
    task_id: str
    observed: str | None
    address: str
    problem: str
    since: datetime
    observed_at: datetime


class EdgeDrifts:
    """The newest drift of each resource that has one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> list[EdgeDrift]:
        """All, by resource id."""
        query = select(EdgeDriftRow).order_by(col(EdgeDriftRow.resource_id))
        with self._database.read() as session:
            return [EdgeDrift.model_validate(row.model_dump()) for row in session.exec(query)]

    def save(self, drift: EdgeDrift) -> bool:
        """Saves a drift; returns whether it is new: not observed before for the same task."""
        with self._database.write() as session:
            before = session.get(EdgeDriftRow, drift.resource_id)
            is_known = before is not None and (before.task_id, before.observed) == (
                drift.task_id,
                drift.observed,
            )
            since = before.since if before is not None and is_known else drift.since
            values = drift.model_copy(update={"since": since}).model_dump()
            upsert(session, EdgeDriftRow, [values], lambda new: {c.name: c for c in new})
        return not is_known

    def delete(self, resource_ids: Iterable[str]) -> int:
        """Deletes the drift of resources that serve the right certificate; returns how many."""
        deleted = 0
        with self._database.write() as session:
            for batch in batches(resource_ids):
                statement = delete(EdgeDriftRow).where(col(EdgeDriftRow.resource_id).in_(batch))
                deleted += session.exec(statement).rowcount
        return deleted

    def list_last_deployments(self, task_id: str | None = None) -> Sequence[tuple[str, int]]:
        """Task id and ordinal of the last deployment of each resource, of all tasks or of one."""
        with self._database.read() as session:
            rows = session.execute(statements.select_last_deployments()).all()
        return [(row.task_id, row.ordinal) for row in rows if task_id in (None, row.task_id)]
