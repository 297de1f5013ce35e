"""What storage answers with: tasks, changes and their outcomes as they stand."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.model import Value
from domain.plan import Change
from domain.resource import Binding, Resource
from domain.status import OutcomeStatus, Tally, TaskStatus
from domain.task import Cause, Direction
from domain.waves import Rollout
from domain.wish import Wish

_WELL = (OutcomeStatus.DEPLOYED, OutcomeStatus.ROLLED_BACK)

Origin = Literal["created", "imported", "proposed"]


class SavedPlan(Value):
    """A plan that is kept, without its changes; `changes` says how many there are.

    `wish` is what it was made from, None where that is not known: it came from a file.
    """

    id: str
    name: str
    digest: str
    origin: Origin
    wish: Wish | None = None
    created_at: datetime
    created_by: str
    changes: int


class Draft(Value):
    """What a draft still has to remember of how it was asked for."""

    rollback_days: int
    require_coverage: bool = False
    wish: Wish | None = None


class TaskRecord(Value):
    """A deployment task as storage keeps it; `draft` is None once it is submitted.

    Of its changes no handshake can show `unproven`: "deployed" means there that the service has
    accepted the certificate, and no more. `windows_ignored` is why it heeds neither maintenance
    windows nor freezes, None where it does.
    """

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
    rollout: Rollout = Rollout()
    unproven: int = 0
    plan_id: str | None = None
    windows_ignored: str | None = None
    draft: Draft | None = None
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
    wave: int = 0
    status: OutcomeStatus
    applied: bool = False
    attempts: int = 0
    cause: Cause | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def unverified(self) -> bool:
        """Whether it ended well as far as the service says, which nothing has verified."""
        return self.change.unproven is not None and self.status in _WELL


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


ROBOT_KINDS = ("dingtalk", "feishu", "wecom", "slack")
SIGNED_ROBOT_KINDS = ("dingtalk", "feishu")
CONTACT_KINDS = ("mail", "webhook", *ROBOT_KINDS)


class ContactChannel(Value):
    """Whom to tell: `kind` is one of CONTACT_KINDS; `shown` is the address without secrets."""

    name: str
    kind: str
    shown: str


class Handshake(Value):
    """What an endpoint showed when a change was verified; fingerprints, None: no certificate.

    `endpoint` is "host:port for server name", `problem` why no handshake was possible.
    """

    task_id: str
    ordinal: int
    direction: Direction
    at: datetime
    endpoint: str
    wanted: str | None
    seen: str | None
    problem: str | None = None


class FailedAttempt(Value):
    """An attempt at a change that did not succeed, and why."""

    task_id: str
    ordinal: int
    direction: Direction
    number: int
    at: datetime
    cause: Cause
