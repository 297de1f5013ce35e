"""What we bound last where no service tells it: our own record, to be restored."""

from datetime import datetime

from domain.resources.resource import Binding, Resource
from storage.database import Database
from storage.statements import upsert
from storage.tables.planning import RememberedRow


class Remembered:
    """Bindings by resource id. They go with the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, resource_id: str) -> Binding | None:
        """The binding; None where we have bound nothing."""
        with self._database.read() as session:
            row = session.get(RememberedRow, resource_id)
            return None if row is None else Binding.model_validate(row.binding)

    def put(self, resource: Resource, binding: Binding, at: datetime) -> None:
        """Remembers it in place of the former one."""
        row = {
            "resource_id": resource.id,
            "account": resource.account,
            "binding": binding.model_dump(mode="json"),
            "at": at,
        }
        with self._database.write() as session:
            upsert(
                session, RememberedRow, [row], lambda new: {"binding": new.binding, "at": new.at}
            )
