"""Computes in UTC when a window is open, however its zone's clock changes, and combines spans."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.calendar.windows import WEEK, Freeze, Window

TimeSpan = tuple[datetime, datetime]
"""The first moment in it and the first moment after it, in UTC."""

DAY = timedelta(days=1)


def list_open_spans(window: Window, after: datetime, before: datetime) -> list[TimeSpan]:
    """When the window is open between two moments, in order; overlapping spans are merged.

    A window opens when its zone's clock first reaches or skips its start, and closes when the clock
    first reaches or skips its end. If the clock skips the whole window, the window opens at that
    moment and lasts as long as its hours say, so no window is lost.
    """
    zone = ZoneInfo(window.zone)
    spans = (_to_span(window, day, zone) for day in _list_start_days(window, after, before, zone))
    return merge_spans(clip_spans(spans, after, before))


def merge_spans(spans: Iterable[TimeSpan]) -> list[TimeSpan]:
    """The same time in as few spans as possible, in order."""
    found: list[TimeSpan] = []
    for begins, ends in sorted(spans):
        if found and begins <= found[-1][1]:
            found[-1] = found[-1][0], max(ends, found[-1][1])
        else:
            found.append((begins, ends))
    return found


def clip_spans(spans: Iterable[TimeSpan], after: datetime, before: datetime) -> Iterator[TimeSpan]:
    """The parts of the spans that lie between two moments."""
    for begins, ends in spans:
        if begins < before and after < ends:
            yield max(begins, after), min(ends, before)


def intersect_spans(one: list[TimeSpan], other: list[TimeSpan]) -> list[TimeSpan]:
    """The time that is in both lists; each list must be in order and without overlaps."""
    found: list[TimeSpan] = []
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


def list_unfrozen_spans(
    freezes: Iterable[Freeze], after: datetime, before: datetime
) -> list[TimeSpan]:
    """The time between two moments that no freeze covers."""
    found: list[TimeSpan] = []
    begins = after
    for frozen, thawed in merge_spans((freeze.begins, freeze.ends) for freeze in freezes):
        if begins < frozen:
            found.append((begins, frozen))
        begins = max(begins, thawed)
    return list(clip_spans([*found, (begins, max(begins, before))], after, before))


def _list_start_days(
    window: Window, after: datetime, before: datetime, zone: ZoneInfo
) -> Iterator[date]:
    """The days on which a span may start that reaches into the time asked for.

    A few days more than that: a window may end a day later, and a zone may skip a whole day.
    """
    day = after.astimezone(zone).date() - 3 * DAY
    last = before.astimezone(zone).date() + 2 * DAY
    while day <= last:
        if WEEK[day.weekday()] in window.days:
            yield day
        day += DAY


def _to_span(window: Window, day: date, zone: ZoneInfo) -> TimeSpan:
    start = datetime.combine(day, window.start)
    end = datetime.combine(day, window.end)
    if end <= start:
        end += DAY
    opens, closes = _to_utc(start, zone), _to_utc(end, zone)
    return opens, closes if closes > opens else opens + (end - start)


def _to_utc(clock: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's clock first shows this time, or the moment at which it skips it."""
    moment = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == clock:
        return moment
    # The clock skips this time. Its two offsets give a moment before and one after the jump, so
    # the jump is found between them.
    before = int(clock.replace(tzinfo=zone, fold=1).timestamp())
    after = int(moment.timestamp())
    offset = moment.astimezone(zone).utcoffset()
    seconds = range(before, after + 1)
    jump = bisect_left(
        seconds, True, key=lambda at: datetime.fromtimestamp(at, zone).utcoffset() == offset
    )
    return datetime.fromtimestamp(seconds[jump], UTC)
