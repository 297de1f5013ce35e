"""Records the last binding of resources whose service cannot report it.

Connectors read it, to know the binding before a change.
"""

from datetime import datetime

from domain.resources.resource import Binding, Resource
from storage.database import Database
from storage.statements import upsert
from storage.tables.planning import LastBindingRow


class LastBindings:
    """The last binding by resource id. An account is deleted with all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, resource_id: str) -> Binding | None:
        """The last binding; None if certroll has made none."""
        with self._database.read() as session:
            row = session.get(LastBindingRow, resource_id)
            return None if row is None else Binding.model_validate(row.binding)

    def save(self, resource: Resource, binding: Binding, at: datetime) -> None:
        """Saves a binding in place of the former one."""
        row = {
            "resource_id": resource.id,
            "account": resource.account,
            "binding": binding.model_dump(mode="json"),
            "at": at,
        }
        with self._database.write() as session:
            upsert(
                session, LastBindingRow, [row], lambda new: {"binding": new.binding, "at": new.at}
            )
