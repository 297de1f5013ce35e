"""What preflight asks of a task's changes, and how it fails many of them at once."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select, update

from domain.cause import Cause
from domain.tasks.status import OutcomeStatus
from storage.database import Database
from storage.statements import batches, table
from storage.tables.core import ResourceRow
from storage.tasks.outcome_statements import CHANGE

_R = table(ResourceRow)
_STATE = _R.c.document["state"].as_string()


class Preflights:
    """Changes that wait, and the resources that they are about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self, resource_ids: Iterable[str]) -> dict[str, str | None]:
        """The state of each as of the last sync; None: it has vanished. Unknown ids are missing."""
        found: dict[str, str | None] = {}
        with self._database.read() as session:
            for batch in batches(resource_ids):
                query = select(_R.c.id, _R.c.vanished_at, _STATE).where(_R.c.id.in_(batch))
                for resource, vanished, state in session.execute(query):
                    found[resource] = None if vanished else state
        return found

    def fail(self, task_id: str, ordinals: Sequence[int], at: datetime, cause: Cause) -> int:
        """Fails those of these changes that still wait; how many did."""
        failed = {
            "status": OutcomeStatus.FAILED.value,
            "ended_at": at,
            "cause": cause.model_dump(mode="json"),
        }
        waiting = (CHANGE.c.task_id == task_id, CHANGE.c.status == OutcomeStatus.PENDING.value)
        statement = update(CHANGE).where(*waiting).values(failed).returning(CHANGE.c.ordinal)
        with self._database.write() as session:
            return sum(
                len(session.execute(statement.where(CHANGE.c.ordinal.in_(batch))).all())
                for batch in batches(ordinals)
            )
