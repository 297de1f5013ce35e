"""The start time of a task: as requested, or moved to the next allowed time.

Called by `task create`, `task submit` and `task reschedule`.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from starter.cli.terminal.times import format_with_offset

if TYPE_CHECKING:
    from domain.calendar.windows import AllowedStart
    from domain.plans.plan import Plan
    from storage.store import Store


class Timing(NamedTuple):
    """The requested time, and the time that windows and freezes allow."""

    requested: datetime
    allowed: "AllowedStart"
    ignored: bool = False

    @property
    def text(self) -> str:
        """When the task starts, and why not at the requested time."""
        if self.allowed.at != self.requested:
            return (
                f"{format_with_offset(self.allowed.at)}; postponed from "
                f"{format_with_offset(self.requested)}: {self.allowed.reasons_text}"
            )
        parts = [format_with_offset(self.requested)]
        if self.requested < datetime.now(UTC):
            parts.append("this time has passed: starts now")
        if self.ignored:
            parts.append("windows and freezes are ignored")
        elif self.allowed.overridden:
            parts.append(self.allowed.reasons_text)
        return "; ".join(parts)

    @property
    def json_fields(self) -> dict[str, Any]:
        """As JSON: `moved_from` is None where the requested time is allowed."""
        moved = self.allowed.at != self.requested
        return {"moved_from": self.requested if moved else None, "reasons": self.allowed.reasons}


def find_timing(store: "Store", plan: "Plan", at: datetime, *, ignored: bool) -> Timing:
    """Finds the start time of a new task. Raises BadInput if no window ever opens for all of it."""
    from domain.calendar.windows import AllowedStart
    from starter.requests.calendar import find_allowed_start

    allowed = (
        AllowedStart(at=at) if ignored else find_allowed_start(store, plan, at, datetime.now(UTC))
    )
    return Timing(at, allowed, ignored)
