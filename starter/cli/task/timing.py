"""What is told of the time of a task: as asked, or moved to its next opening."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from starter.cli.terminal.times import echoed

if TYPE_CHECKING:
    from domain.calendar.windows import Opening
    from domain.plans.plan import Plan
    from storage.store import Store


class Timing(NamedTuple):
    """The asked time, and what windows and freezes make of it."""

    asked: datetime
    found: "Opening"
    ignored: bool = False

    @property
    def told(self) -> str:
        """For people: when it begins, and why not as asked."""
        if self.found.at != self.asked:
            return f"{echoed(self.found.at)}; moved from {echoed(self.asked)}: {self.found.why}"
        parts = [echoed(self.asked)]
        if self.asked < datetime.now(UTC):
            parts.append("it has passed: starts at once")
        if self.ignored:
            parts.append("windows and freezes are ignored")
        elif self.found.overridden:
            parts.append(self.found.why)
        return "; ".join(parts)

    @property
    def facts(self) -> dict[str, Any]:
        """For programs: `moved_from` is None where the asked time stands."""
        moved = self.found.at != self.asked
        return {"moved_from": self.asked if moved else None, "reasons": self.found.reasons}


def timing(store: "Store", plan: "Plan", at: datetime, *, ignored: bool) -> Timing:
    """The time of a task that is about to be made; BadInput if its windows never meet."""
    from domain.calendar.windows import Opening
    from starter.requests.calendar import opening

    found = Opening(at=at) if ignored else opening(store, plan, at, datetime.now(UTC))
    return Timing(at, found, ignored)
