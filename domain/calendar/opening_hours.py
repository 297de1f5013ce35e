"""When a window is open, in absolute time, whatever its zone does to the clock."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.calendar.windows import WEEK, Freeze, Window

Span = tuple[datetime, datetime]
"""From the first moment to the first one after it, UTC."""

DAY = timedelta(days=1)


def open_hours(window: Window, after: datetime, before: datetime) -> list[Span]:
    """When it is open between two moments, in order; what overlaps or touches is one.

    A window opens when its zone's clock first reaches or jumps over its start, and closes when it
    first reaches or jumps over its end. Where the clock jumps over all of it, it opens at the jump
    for as long as its hours say: it is never lost.
    """
    zone = ZoneInfo(window.zone)
    nights = (_night(window, day, zone) for day in _days(window, after, before, zone))
    return merged(clipped(nights, after, before))


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as possible, in order."""
    found: list[Span] = []
    for begins, ends in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(ends, found[-1][1])
        else:
            found.append((begins, ends))
    return found


def clipped(spans: Iterable[Span], after: datetime, before: datetime) -> Iterator[Span]:
    """Only what lies between two moments."""
    for begins, ends in spans:
        if begins < before and after < ends:
            yield max(begins, after), min(ends, before)


def common(one: list[Span], other: list[Span]) -> list[Span]:
    """What lies in both; each is in order and without overlaps, and so is the answer."""
    found: list[Span] = []
    left, right = 0, 0
    while left < len(one) and right < len(other):
        begins = max(one[left][0], other[right][0])
        ends = min(one[left][1], other[right][1])
        if begins < ends:
            found.append((begins, ends))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return found


def unfrozen(freezes: Iterable[Freeze], after: datetime, before: datetime) -> list[Span]:
    """What no freeze covers between two moments."""
    found: list[Span] = []
    begins = after
    for frozen, thawed in merged((freeze.begins, freeze.ends) for freeze in freezes):
        if begins < frozen:
            found.append((begins, frozen))
        begins = max(begins, thawed)
    return list(clipped([*found, (begins, max(begins, before))], after, before))


def _days(window: Window, after: datetime, before: datetime, zone: ZoneInfo) -> Iterator[date]:
    """Days on which it begins, with some to spare: it lasts into the next, zones jump by one."""
    day = after.astimezone(zone).date() - 3 * DAY
    last = before.astimezone(zone).date() + 2 * DAY
    while day <= last:
        if WEEK[day.weekday()] in window.days:
            yield day
        day += DAY


def _night(window: Window, day: date, zone: ZoneInfo) -> Span:
    start = datetime.combine(day, window.start)
    end = datetime.combine(day, window.end)
    if end <= start:
        end += DAY
    opens, closes = _reached(start, zone), _reached(end, zone)
    return opens, closes if closes > opens else opens + (end - start)


def _reached(clock: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's clock first reaches this time, or the moment when it jumps over it."""
    moment = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == clock:
        return moment
    # In a gap the offsets before and after it land on its two sides: the jump is between them.
    before = int(clock.replace(tzinfo=zone, fold=1).timestamp())
    after = int(moment.timestamp())
    offset = moment.astimezone(zone).utcoffset()
    seconds = range(before, after + 1)
    jump = bisect_left(
        seconds, True, key=lambda at: datetime.fromtimestamp(at, zone).utcoffset() == offset
    )
    return datetime.fromtimestamp(seconds[jump], UTC)
