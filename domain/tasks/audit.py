"""The audit log of a task: events and their codes, from workflows, activities and requests."""

from datetime import datetime
from enum import StrEnum

from domain.model import Value

CERTROLL = "certroll"
"""The author of the events that no person caused."""


class TaskEventCode(StrEnum):
    """What happened. The values lie in storage and in `task show --json`: never change one."""

    CREATED = "created"
    EDITED = "edited"
    SUBMITTED = "submitted"
    DELETED = "deleted"
    POSTPONED = "postponed"
    """The maintenance calendar moved the start of its changes."""
    WINDOWS_IGNORED = "windows-ignored"
    """A person asked to heed neither windows nor freezes."""
    WINDOWS_OVERRIDDEN = "windows-overridden"
    """An expiry was nearer than the next window."""
    PREFLIGHT_REFUSED = "preflight-refused"
    PREFLIGHT_WARNED = "preflight-warned"
    GATE_REACHED = "gate-reached"
    """The task waits for `proceed` after a wave."""
    PROCEED = "proceed"
    STOP = "stop"
    BUDGET_EXCEEDED = "budget-exceeded"
    """More changes failed than the rollout policy allows."""
    REVERIFICATION_FAILED = "reverification-failed"
    """The second verification of a wave, after its bake time, could not be made."""
    RETRY = "retry"
    RETRY_REFUSED = "retry-refused"
    ROLLBACK = "rollback"
    DRIFT = "drift"
    """A resource serves something else than the task deployed."""
    CLEANUP = "cleanup"
    """Former certificates were removed from the provider's stores."""
    NOTIFICATION_FAILED = "notification-failed"


class TaskEvent(Value):
    """Who did what to a task, when and why; `by` is CERTROLL or the name of a person or service."""

    task_id: str
    at: datetime
    code: TaskEventCode
    by: str
    text: str
