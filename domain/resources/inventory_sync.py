"""Messages and records of the inventory sync, for its workflow, activities, storage and callers.

The names and shapes of `SyncInput`, `SyncRequest` and `SyncProgress` are public.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.cause import Cause
from domain.model import Value

WORKFLOW_TYPE = "InventorySync"
SCHEDULED_TYPE = "InventorySyncOnSchedule"

INVENTORY_AGE = timedelta(hours=8)
"""The greatest age of an inventory for a plan. A scheduled sync runs every six hours."""

READ_AGE = timedelta()
"""A sync skips bindings that were read within this time before it began. The default skips none:
whoever asks for a sync has changed something elsewhere and wants to see it."""


def workflow_id(account: str) -> str:
    """The id of the one workflow that syncs this account."""
    return f"inventory-{account}"


class SyncInput(Value):
    """The argument of the workflow; no services means all with known resources."""

    account: str
    services: tuple[str, ...] = ()


class SyncRequest(Value):
    """Argument of the update `join`: these services too, or all with known resources."""

    services: tuple[str, ...] = ()


class ServiceSync(Value):
    """One sync of one service of one account, with a `run` id of its own."""

    account: str
    service: str
    run: str


class ServiceSyncResult(Value):
    """The counts of one sync; with an `error` it ended early, and what it saw remains recorded."""

    account: str
    service: str
    seen: int = 0
    vanished: int = 0
    to_read: int = 0
    were_read: int = 0
    error: Cause | None = None


class ServiceSyncRecord(ServiceSync):
    """The latest sync in storage; it continues at `page`, None for the first page.

    `total` is the largest number that the service reported. A sync with an `error` but without
    `ended_at` is retried. `complete_at` is when the latest complete sync began: the age of the
    inventory. `to_read` is the number of bindings that no listing reports and that must be read,
    None until all is listed; `were_read` of them have been read.
    """

    began_at: datetime
    page: str | None = None
    seen: int = 0
    total: int | None = None
    vanished: int = 0
    to_read: int | None = None
    were_read: int = 0
    ended_at: datetime | None = None
    error: Cause | None = None
    complete_at: datetime | None = None

    @property
    def result(self) -> ServiceSyncResult:
        return ServiceSyncResult(
            account=self.account,
            service=self.service,
            seen=self.seen,
            vanished=self.vanished,
            to_read=self.to_read or 0,
            were_read=self.were_read,
            error=self.error,
        )


class ServiceSyncState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class ServiceSyncProgress(Value):
    """One service of a sync; the counts are known once it has ended."""

    service: str
    run: str
    state: ServiceSyncState = ServiceSyncState.WAITING
    seen: int = 0
    vanished: int = 0
    to_read: int = 0
    were_read: int = 0
    error: Cause | None = None


class SyncProgress(Value):
    """Answer of the query `progress` and of the update `join`."""

    account: str
    services: tuple[ServiceSyncProgress, ...]
