"""When changes may begin: the first moment at which all that they touch is open."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import combinations

from domain.calendar.opening_hours import Span, common, merged, open_hours, unfrozen
from domain.calendar.windows import Calendar, Freeze, Opening, Place, Window, shown_moment
from domain.errors import BadInput

HORIZON = timedelta(days=35)
"""How far windows are looked for after the last freeze: more than a month of weekly ones."""

MARGIN = timedelta(hours=48)
MOMENT = timedelta(microseconds=1)

Rules = tuple[tuple[Window, ...], tuple[Freeze, ...]]


def opening(
    at: datetime,
    now: datetime,
    calendar: Calendar,
    places: Iterable[Place],
    expires: Callable[[], datetime | None] = lambda: None,
    margin: timedelta = MARGIN,
) -> Opening:
    """The asked time if all places are open then, else the next time at which they are.

    A place is open in any window that is for it, always if none is, and never in a freeze. A time
    that has passed means now. Where the first of what is served `expires` (asked only if something
    is closed) less than `margin` after the next opening, the asked time stands. `BadInput` if the
    windows have no hour in common.
    """
    rules = _rules(calendar, places)
    start = max(at, now)
    end = max([start, *(freeze.ends for _, freezes in rules for freeze in freezes)]) + HORIZON
    open_for = {rule: _open(rule, start, end) for rule in rules}
    spans = [(start, end)]
    for each in open_for.values():
        spans = common(spans, each)
    if spans and spans[0][0] == start:
        return Opening(at=at, until=_until(spans[0], end))
    reasons = _reasons(open_for, start)
    too_late = _too_late(spans, end, expires(), margin)
    if too_late:
        return Opening(at=at, reasons=(*reasons, too_late), overridden=True)
    if not spans:
        raise _never(open_for)
    return Opening(at=spans[0][0], reasons=reasons, until=_until(spans[0], end))


def _rules(calendar: Calendar, places: Iterable[Place]) -> list[Rules]:
    """Each different set of windows and freezes once: places are many, rules are few."""
    found: dict[Rules, None] = {}
    for place in places:
        windows = tuple(each for each in calendar.windows if each.scope.covers(place))
        freezes = tuple(each for each in calendar.freezes if each.scope.covers(place))
        found[windows, freezes] = None
    return list(found)


def _open(rule: Rules, start: datetime, end: datetime) -> list[Span]:
    windows, freezes = rule
    thawed = unfrozen(freezes, start, end)
    if not windows:
        return thawed
    return common(thawed, merged(s for each in windows for s in open_hours(each, start, end)))


def _until(span: Span, end: datetime) -> datetime | None:
    return span[1] if span[1] < end else None


def _reasons(open_for: dict[Rules, list[Span]], start: datetime) -> tuple[str, ...]:
    """Each reason once, of those places that are closed."""
    shut = [rule for rule, spans in open_for.items() if not spans or spans[0][0] > start]
    return tuple(dict.fromkeys(reason for rule in shut for reason in _why_closed(rule, start)))


def _why_closed(rule: Rules, at: datetime) -> list[str]:
    windows, freezes = rule
    frozen = [each for each in freezes if each.begins <= at < each.ends]
    reasons = [
        f"freeze {each.name!r} until {shown_moment(each.ends)}: {each.reason}" for each in frozen
    ]
    if windows and not any(open_hours(each, at, at + MOMENT) for each in windows):
        reasons.append(f"outside of {_named(windows)}")
    return reasons


def _too_late(
    spans: Sequence[Span], end: datetime, expires: datetime | None, margin: timedelta
) -> str | None:
    """Why windows and freezes do not hold this time, if so."""
    following = spans[0][0] if spans else end
    if expires is None or following <= expires - margin:
        return None
    told = (
        f"the next opening is {shown_moment(following)}" if spans else "there is no common opening"
    )
    return (
        f"overridden: what is served expires {shown_moment(expires)}, {told}, "
        f"and the margin is {margin / timedelta(hours=1):g} h"
    )


def _never(open_for: dict[Rules, list[Span]]) -> BadInput:
    for (one, first), (other, second) in combinations(open_for.items(), 2):
        if not common(first, second):
            named = f"{_named(one[0])} and {_named(other[0])}"
            break
    else:
        named = _named([each for windows, _ in open_for for each in windows])
    return BadInput(
        f"{named} have no hour in common within {HORIZON.days} days",
        where="windows",
        fix="Make one task for each, let the windows meet (certroll window add --replace), "
        "or add --ignore-windows REASON.",
    )


def _named(windows: Sequence[Window]) -> str:
    word = "window" if len(windows) == 1 else "windows"
    return f"{word} {', '.join(f'{each.name!r} ({each.hours})' for each in windows)}"
