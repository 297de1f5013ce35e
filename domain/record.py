"""What storage answers with: tasks, changes and their outcomes as they stand."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from domain.events import EventClass
from domain.model import Value
from domain.plan import Change
from domain.preflight_checks import Policy
from domain.resource import Binding, Resource
from domain.status import OutcomeStatus, Tally, TaskStatus
from domain.task import Cause, Direction
from domain.waves import Rollout
from domain.wish import Wish

Origin = Literal["created", "imported", "proposed"]
Moment = Literal["before", "after", "again", "later"]


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

    Of its changes no handshake can show `unproven`: the service accepts them, and they end as
    unverified. `windows_ignored` is why it heeds neither maintenance
    windows nor freezes, None where it does. `checks` are the policies of its own for checks before
    the first change, by number.
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
    checks: dict[str, Policy] = Field(default_factory=dict)
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
        told = self.cause is not None and self.cause.unverified
        return self.status is OutcomeStatus.UNVERIFIED or (
            self.status is OutcomeStatus.ROLLED_BACK and told
        )


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
    """Whom to tell: `kind` is one of CONTACT_KINDS; `shown` is the address without secrets.

    `events` are the classes that it is told of, None: all, also those that come later.
    """

    name: str
    kind: str
    shown: str
    events: tuple[EventClass, ...] | None = None

    def wants(self, kind: EventClass) -> bool:
        """Whether it is told of events of this class."""
        return self.events is None or kind in self.events


class Handshake(Value):
    """What an endpoint showed at one address; fingerprints, None: no certificate.

    `endpoint` is "server name at host:port", `address` the one of its addresses, "host:port", and
    `server_name` None where none was asked for. `moment`: before the change, after it, once more
    after its wave's bake time ("again"), or on a later day ("later"). `chain` are all certificates
    that were sent, leaf first. `reached` is false where no connection came about; `verified` says
    that it showed the state after the change, its chain complete. `problem` says why there was no
    handshake, or what is wrong or unusual with what was sent.
    """

    task_id: str
    ordinal: int
    direction: Direction
    at: datetime
    endpoint: str
    wanted: str | None
    seen: str | None
    problem: str | None = None
    address: str = ""
    server_name: str | None = None
    moment: Moment = "after"
    chain: tuple[str, ...] = ()
    reached: bool = True
    verified: bool = False


class FailedAttempt(Value):
    """An attempt at a change that did not succeed, and why."""

    task_id: str
    ordinal: int
    direction: Direction
    number: int
    at: datetime
    cause: Cause
