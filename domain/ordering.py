"""In which order a plan changes its resources. Pure."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime

from domain.plan import Change

NEVER = datetime.max.replace(tzinfo=UTC)


def by_urgency(changes: Iterable[Change]) -> list[Change]:
    """By the day (UTC) until which what is served lasts; what nobody knows comes last.

    Within a day the services of all accounts take turns. Each has a budget of calls of its own: a
    task that did one service after the other would wait for one budget and leave the others unused.
    """
    ordered = sorted(changes, key=lambda change: (_until(change), change.resource.id))
    turns: Counter[tuple[date, str, str]] = Counter()
    places: list[tuple[date, int, int]] = []
    for place, change in enumerate(ordered):
        day = _until(change).date()
        group = day, change.resource.account, change.resource.service
        places.append((day, turns[group], place))
        turns[group] += 1
    return [ordered[place] for _, _, place in sorted(places)]


def _until(change: Change) -> datetime:
    until = change.before.not_after if change.before else None
    return NEVER if until is None else until.astimezone(UTC)
