"""The message that a contact gets, and the rules for its text; the senders deliver it.

The JSON of `Message` is public, because webhooks get it: a field may be added, none may change.
"""

from datetime import datetime

from pydantic import Field

from domain.model import Value
from domain.notifications.events import EventClass
from domain.redaction import redact_secrets
from domain.tasks.status import OutcomeStatus, TaskStatus

MAX_CAUSE_LENGTH, MAX_NAME_LENGTH = 400, 200
TEST_EVENT = "test"


class CauseGroup(Value):
    """The resources with one status and one cause; `message` and `advice` are of the first one.

    `examples` are the ids of the first few, `count` is the number of all.
    """

    status: OutcomeStatus
    code: str
    message: str
    advice: str | None = None
    needs_operator: bool = False
    count: int
    examples: tuple[str, ...]


class RollbackSummary(Value):
    """Who requested a rollback and why; `automatic` if the policy of the task did."""

    requested_by: str
    reason: str
    automatic: bool


class ExpiringCertificate(Value):
    """A certificate that is served, expires soon, and is not replaced in time by any task.

    `nearness` is "month" (the last third of its life, at most 30 days), "week" (7 days), "days" (2)
    or "expired". `serve` counts the resources that serve it, `resources` those of them that no task
    replaces in time; `examples` are ids of the latter. `task` is the id of a task that replaces
    some of them too late. `successor` is the name of a certificate that could replace it.
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


class DriftedResource(Value):
    """A resource that serves something else than certroll deployed last, in `task`.

    `deployed` and `serves` are fingerprints; `serves` is None if HTTPS is off.
    """

    resource: str
    deployed: str
    serves: str | None
    task: str


class Message(Value):
    """`subject` and `body` are plain text for people; the other fields say the same to programs.

    `event` is the class, `occasion` the full name of the event ("rolled_back-2"). `wave` counts
    from 0, as in the outcomes of `task show --json`. `outcomes` counts resources by status;
    `unverified` counts those that the service accepted and no handshake verified. `done` is what
    certroll did by itself, `commands` are what the reader may run next.
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
    rollback: RollbackSummary | None = None
    done: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    expiring: tuple[ExpiringCertificate, ...] = ()
    drifted: tuple[DriftedResource, ...] = ()


def build_test_message(at: datetime) -> Message:
    """The message that `contact test` sends."""
    return Message(
        event=TEST_EVENT,
        occasion=TEST_EVENT,
        subject="certroll: test",
        body=(
            "This contact gets messages about deployment tasks, expiring certificates and drift.\n"
            f"To get fewer, use --event with some of: {', '.join(EventClass)}.\n"
        ),
        at=at,
    )


def sanitize(text: str, max_length: int | None = None) -> str:
    """Put the text on one line, without keys and unprintable characters, cut to `max_length`."""
    line = " ".join(redact_secrets(text).split())
    safe = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)
    if max_length is None or len(safe) <= max_length:
        return safe
    return safe[: max_length - 3] + "..."


def join_examples(names: tuple[str, ...], count: int) -> str:
    """List the names, and say how many more there are of `count`: "a, b and 3 more"."""
    listed = ", ".join(names)
    return f"{listed} and {count - len(names)} more" if count > len(names) else listed
