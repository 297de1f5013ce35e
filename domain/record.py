"""What storage answers with: tasks, changes and their outcomes as they stand."""

from datetime import datetime

from pydantic import Field

from domain.model import Value
from domain.plan import Change
from domain.resource import Binding, Resource
from domain.status import OutcomeStatus, Tally, TaskStatus
from domain.task import Cause


class TaskRecord(Value):
    """A deployment task as storage keeps it."""

    id: str
    name: str
    status: TaskStatus
    digest: str
    certificates: tuple[str, ...]
    contacts: tuple[str, ...] = ()
    at: datetime
    rollback_until: datetime
    cost: int
    concurrency: int = 100
    plan_id: str | None = None
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    deleted_at: datetime | None = None
    tally: Tally = Tally()


class OutcomeRecord(Value):
    """One change of a task and what became of it.

    `applied` is true from just before the first call that may have changed the resource.
    """

    task_id: str
    ordinal: int
    change: Change
    status: OutcomeStatus
    applied: bool = False
    attempts: int = 0
    cause: Cause | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


class TaskEvent(Value):
    """One line of a task's audit: who did what, when and why."""

    task_id: str
    at: datetime
    kind: str
    by: str
    text: str


class InventoryItem(Value):
    """A resource as of the last sync; `read_at` is None where its binding was never read."""

    resource: Resource
    binding: Binding | None
    binding_known: bool
    tags: dict[str, str] = Field(default_factory=dict)
    seen_at: datetime
    read_at: datetime | None = None
    vanished_at: datetime | None = None


class ContactChannel(Value):
    """Whom to tell: `kind` is "mail" or "webhook"; `shown` is the address without secrets."""

    name: str
    kind: str
    shown: str
