"""What a contact is told: one message, for people and for machines, and what becomes of its text.

The JSON of `Message` is public: webhooks get it. A field may be added; none goes or changes.
"""

from datetime import datetime

from pydantic import Field

from domain.model import Value
from domain.notifications.events import EventClass
from domain.redaction import without_secrets
from domain.tasks.status import OutcomeStatus, TaskStatus

LONGEST_CAUSE, LONGEST_NAME = 400, 200
TRIAL = "test"


class CauseGroup(Value):
    """Resources that are not as the task wanted them, for one cause; the text is of the first one.

    `examples` are the first few of their ids, `count` how many there are.
    """

    status: OutcomeStatus
    code: str
    message: str
    advice: str | None = None
    needs_operator: bool = False
    count: int
    examples: tuple[str, ...]


class Rollback(Value):
    """Who asked for a rollback and why; `automatic`: the task's own policy did."""

    requested_by: str
    reason: str
    automatic: bool


class Expiring(Value):
    """A certificate that is served, expires soon, and is not replaced in time by any task.

    `nearness` is "month" (the last third of its life, at most 30 days), "week" (7 days), "days" (2)
    or "expired". `resources` is how many of `serve` resources no task replaces in time. `task` is
    the id of one that replaces some of them, but too late. `successor` is the name of a
    certificate that stands ready.
    """

    nearness: str
    fingerprint: str | None
    name: str | None
    names: tuple[str, ...] = ()
    not_after: datetime
    resources: int
    serve: int
    examples: tuple[str, ...] = ()
    task: str | None = None
    successor: str | None = None


class Drifted(Value):
    """A resource that serves something else than certroll deployed there last (`task`)."""

    resource: str
    deployed: str
    serves: str | None
    task: str


class Message(Value):
    """`subject` and `body` are plain text; the other fields say the same to a machine.

    `event` is the class, `occasion` the name that is told once ("rolled_back-2"). `wave` is the
    wave that it is about, from 0, as in the outcomes of `task show --json`. `outcomes` counts
    resources by status; `unverified` those that were accepted by the service, but proven by no
    handshake. `done` is what certroll did of itself, `commands` are what the reader may do next.
    """

    version: int = 1
    event: str
    occasion: str
    subject: str
    body: str
    at: datetime
    needs_operator: bool = False
    task_id: str | None = None
    task: str | None = None
    status: TaskStatus | None = None
    wave: int | None = None
    waves: int | None = None
    outcomes: dict[str, int] = Field(default_factory=dict)
    unverified: int = 0
    causes: tuple[CauseGroup, ...] = ()
    rollback: Rollback | None = None
    done: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    expiring: tuple[Expiring, ...] = ()
    drifted: tuple[Drifted, ...] = ()


def trial_message(at: datetime) -> Message:
    """What `contact test` sends."""
    return Message(
        event=TRIAL,
        occasion=TRIAL,
        subject="certroll: test",
        body=(
            "This contact is told what becomes of deployment tasks, and what expires.\n"
            f"It may be told of less: --event, with one of {', '.join(EventClass)}.\n"
        ),
        at=at,
    )


def clean(text: str, most: int | None = None) -> str:
    """The text on one line, without keys and unprintable characters, at most so many characters."""
    line = " ".join(without_secrets(text).split())
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    return shown if most is None or len(shown) <= most else shown[: most - 3] + "..."


def some(names: tuple[str, ...], count: int) -> str:
    """The names, and how many more there are."""
    shown = ", ".join(names)
    return f"{shown} and {count - len(names)} more" if count > len(names) else shown
