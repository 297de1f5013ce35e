"""What a contact is told about a task: one message, for mail and for machines."""

from datetime import datetime

from pydantic import Field

from domain.model import Value
from domain.record import OutcomeRecord, TaskRecord
from domain.status import OutcomeStatus, TaskStatus

CAUSES_SHOWN = 20
_WITH_A_CAUSE = (OutcomeStatus.FAILED, OutcomeStatus.ROLLBACK_FAILED, OutcomeStatus.SKIPPED)


class ResourceCause(Value):
    """A resource that is not as the task wanted it, and why."""

    resource: str
    status: OutcomeStatus
    cause: str


class Message(Value):
    """`body` is plain text; the other fields say the same to a machine."""

    event: str
    subject: str
    body: str
    task_id: str | None = None
    task: str | None = None
    status: TaskStatus | None = None
    outcomes: dict[str, int] = Field(default_factory=dict)
    unverified: int = 0
    causes: tuple[ResourceCause, ...] = ()
    at: datetime


def task_message(
    event: str, record: TaskRecord, outcomes: list[OutcomeRecord], at: datetime
) -> Message:
    """How a task ended or was taken back, with the cause of each resource that is not as wanted."""
    causes = tuple(
        ResourceCause(resource=o.change.resource.id, status=o.status, cause=str(o.cause or "none"))
        for o in outcomes
        if o.status in _WITH_A_CAUSE
    )
    counts = {name: count for name, count in record.tally if count}
    status = record.status.value.replace("_", " ")
    counted = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    lines = [f"Task {record.name} ({record.id}): {status}.", f"Resources: {counted}."]
    if unverified := sum(o.unverified for o in outcomes):
        lines.append(f"Of these {unverified} were accepted by the service, but not verified.")
    lines += [f"- {each.resource} {each.status}: {each.cause}" for each in causes[:CAUSES_SHOWN]]
    if len(causes) > CAUSES_SHOWN:
        lines.append(f"- and {len(causes) - CAUSES_SHOWN} more")
    lines.append(f"Details: certroll task show {record.id}")
    return Message(
        event=event,
        subject=f"certroll: {record.name} {status}",
        body="\n".join(lines) + "\n",
        task_id=record.id,
        task=record.name,
        status=record.status,
        outcomes=counts,
        unverified=unverified,
        causes=causes,
        at=at,
    )


def trial_message(at: datetime) -> Message:
    """What `contact test` sends."""
    return Message(
        event="test",
        subject="certroll: test",
        body="This contact is told when a deployment task ends or is rolled back.\n",
        at=at,
    )
