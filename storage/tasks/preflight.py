"""Reads resource states for preflight, and fails the changes that preflight refuses."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select, update

from domain.cause import Cause
from domain.tasks.status import OutcomeStatus
from storage.database import Database
from storage.statements import batches, get_table
from storage.tables.core import ResourceRow
from storage.tasks.outcome_statements import CHANGE

_R = get_table(ResourceRow)
_STATE = _R.c.document["state"].as_string()


class Preflights:
    """Pending changes and their resources."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_states(self, resource_ids: Iterable[str]) -> dict[str, str | None]:
        """The state of each known resource as of the last sync; None if it has vanished."""
        found: dict[str, str | None] = {}
        with self._database.read() as session:
            for batch in batches(resource_ids):
                query = select(_R.c.id, _R.c.vanished_at, _STATE).where(_R.c.id.in_(batch))
                for resource, vanished, state in session.execute(query):
                    found[resource] = None if vanished else state
        return found

    def fail_pending(
        self, task_id: str, ordinals: Sequence[int], at: datetime, cause: Cause
    ) -> int:
        """Fails those of these changes that are still pending; returns how many."""
        failed = {
            "status": OutcomeStatus.FAILED.value,
            "ended_at": at,
            "cause": cause.model_dump(mode="json"),
        }
        pending = (CHANGE.c.task_id == task_id, CHANGE.c.status == OutcomeStatus.PENDING.value)
        statement = update(CHANGE).where(*pending).values(failed).returning(CHANGE.c.ordinal)
        with self._database.write() as session:
            return sum(
                len(session.execute(statement.where(CHANGE.c.ordinal.in_(batch))).all())
                for batch in batches(ordinals)
            )
