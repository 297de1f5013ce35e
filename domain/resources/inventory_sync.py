"""What travels between those who ask for a sync of the inventory and the workflow that walks.

The names and the shapes of `SyncInput`, `SyncRequest` and `SyncProgress` are public.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from domain.cause import Cause
from domain.model import Value

WORKFLOW_TYPE = "InventorySync"
SCHEDULED_TYPE = "InventorySyncOnSchedule"

INVENTORY_AGE = timedelta(hours=8)
"""So old may the inventory be for a plan: a scheduled sync comes every six hours and takes time."""

READ_AGE = timedelta()
"""A sync does not read again what was read within this time before it began. By default it reads
all: whoever asks for a sync has changed something elsewhere and wants it known."""


def workflow_id(account: str) -> str:
    """The workflow that walks this account: one at a time, whoever asks."""
    return f"inventory-{account}"


class SyncInput(Value):
    """The argument of the workflow; no services are all that serve something."""

    account: str
    services: tuple[str, ...] = ()


class SyncRequest(Value):
    """Update `join`: these services too, or with none all that serve something."""

    services: tuple[str, ...] = ()


class Walk(Value):
    """One walk through one service of one account; each has a `run` of its own."""

    account: str
    service: str
    run: str


class Synced(Value):
    """What one walk found; `error` says why it ended early, with what it had seen kept."""

    account: str
    service: str
    seen: int = 0
    vanished: int = 0
    to_read: int = 0
    were_read: int = 0
    error: Cause | None = None


class WalkRecord(Walk):
    """The newest walk as storage keeps it; `page` is where it goes on, None at the first page.

    `total` is the most that the service told. An `error` without `ended_at` is tried again.
    `complete_at` is when the newest walk that saw everything began: so old is what we know.
    `to_read` is None until all is listed, and then how many bindings have to be read, because no
    listing tells them; `were_read` of them have been.
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
    def result(self) -> Synced:
        """What it found so far."""
        return Synced(
            account=self.account,
            service=self.service,
            seen=self.seen,
            vanished=self.vanished,
            to_read=self.to_read or 0,
            were_read=self.were_read,
            error=self.error,
        )


class WalkState(StrEnum):
    """Where one service of a sync stands."""

    WAITING = "waiting"
    WALKING = "walking"
    ENDED = "ended"


class WalkProgress(Value):
    """One service of a sync; what was counted is known once its walk has ended."""

    service: str
    run: str
    state: WalkState = WalkState.WAITING
    seen: int = 0
    vanished: int = 0
    to_read: int = 0
    were_read: int = 0
    error: Cause | None = None


class SyncProgress(Value):
    """Answer of the query `progress` and of the update `join`."""

    account: str
    services: tuple[WalkProgress, ...]
