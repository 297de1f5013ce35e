"""Windows in every time zone open as a minute-by-minute simulation of the clock says."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar.time_spans import (
    TimeSpan,
    intersect_spans,
    list_open_spans,
    list_unfrozen_spans,
    merge_spans,
)
from domain.calendar.windows import WEEK, Day, Freeze, Window

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})
CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@cache
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The days of a year on which the zone's clock changes."""
    info = ZoneInfo(zone)
    days = [datetime(year, 1, 1, tzinfo=UTC) + n * DAY for n in range(366)]
    offsets = [day.astimezone(info).utcoffset() for day in days]
    return tuple(
        day for day, was, is_ in zip(days, offsets, offsets[1:], strict=False) if was != is_
    )


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """Any minute of some year; mostly near to a change of the clock where there is one."""
    year = draw(st.integers(1990, 2036))
    near = changes(zone, year)
    if len(near) > 0 and draw(st.integers(0, 3)) > 0:
        return draw(st.sampled_from(near)) + draw(st.integers(-40, 24)) * HOUR
    return datetime(year, 1, 1, tzinfo=UTC) + draw(st.integers(0, 365 * 24 * 60)) * MINUTE


@st.composite
def cases(draw: st.DrawFn) -> tuple[Window, datetime, datetime]:
    zone = draw(st.sampled_from(ZONES))
    days = draw(st.sets(st.sampled_from(WEEK), min_size=1) | st.just(set(WEEK)))
    window = Window(
        name="w",
        zone=zone,
        days=tuple(day for day in WEEK if day in days),
        start=draw(CLOCKS),
        end=draw(CLOCKS),
    )
    after = draw(moments(zone))
    return window, after, after + draw(st.integers(1, 60)) * HOUR


def simulate(window: Window, after: datetime, before: datetime) -> set[datetime]:
    """The minutes in which the window is open, by the zone's clock at each minute."""
    zone, first = ZoneInfo(window.zone), after - 3 * DAY
    minutes = [first + n * MINUTE for n in range(int((before + 3 * DAY - first) / MINUTE))]
    shown = [minute.astimezone(zone).replace(tzinfo=None) for minute in minutes]
    found: set[datetime] = set()
    day = shown[0].date() + DAY
    while day < shown[-1].date() - DAY:
        if WEEK[day.weekday()] in window.days:
            start, end = _get_start_and_end(window, day)
            opens = next(m for m, s in zip(minutes, shown, strict=True) if s >= start)
            closes = next(m for m, s in zip(minutes, shown, strict=True) if s >= end)
            if closes == opens:
                closes = opens + (end - start)
            found.update(opens + n * MINUTE for n in range(int((closes - opens) / MINUTE)))
        day += DAY
    return {minute for minute in found if after <= minute < before}


def _get_start_and_end(window: Window, day: date) -> tuple[datetime, datetime]:
    start, end = datetime.combine(day, window.start), datetime.combine(day, window.end)
    return start, end if end > start else end + DAY


def minutes(spans: list[TimeSpan]) -> set[datetime]:
    return {
        begins + n * MINUTE for begins, ends in spans for n in range(int((ends - begins) / MINUTE))
    }


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_window_is_open_when_the_simulated_clock_says_so(
    case: tuple[Window, datetime, datetime],
) -> None:
    assert minutes(list_open_spans(*case)) == simulate(*case)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_spans_are_in_order_apart_and_never_empty_or_negative(
    case: tuple[Window, datetime, datetime],
) -> None:
    window, after, before = case
    spans = list_open_spans(window, after, before)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(set(edges))
    assert all(after <= edge <= before for edge in edges)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_daily_window_opens_every_day(case: tuple[Window, datetime, datetime]) -> None:
    window, after, _ = case
    every_day = window.model_copy(update={"days": WEEK})
    zone = ZoneInfo(window.zone)
    midnight = datetime.combine(after.astimezone(zone).date(), time(), zone).astimezone(UTC)
    assert list_open_spans(every_day, midnight, midnight + 2 * DAY + 2 * HOUR)


def berlin(start: str, end: str, days: tuple[Day, ...] = WEEK) -> Window:
    clock = time.fromisoformat
    return Window(name="w", zone="Europe/Berlin", days=days, start=clock(start), end=clock(end))


def hours_on(window: Window, day: str) -> list[str]:
    """Its spans that begin on this day, by the zone's clock."""
    zone = ZoneInfo(window.zone)
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone)
    spans = list_open_spans(window, midnight - DAY, midnight + 3 * DAY)
    local = [(o.astimezone(zone), c.astimezone(zone)) for o, c in spans]
    return [f"{o:%H:%M%z}-{c:%H:%M%z}" for o, c in local if o.date() == midnight.date()]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("01:00", "02:00", "01:00+0100-03:00+0200"),  # ends as the clock jumps: one hour
        ("02:00", "03:00", "03:00+0200-04:00+0200"),  # skipped whole: moved
        ("02:15", "02:45", "03:00+0200-03:30+0200"),
        ("02:30", "04:00", "03:00+0200-04:00+0200"),  # its first half is skipped
        ("01:30", "02:30", "01:30+0100-03:00+0200"),  # its second half is skipped
        ("22:00", "04:00", "22:00+0200-04:00+0200"),
    ],
)
def test_in_the_night_that_skips_an_hour_a_window_moves(
    start: str, end: str, expected: str
) -> None:
    assert hours_on(berlin(start, end), "2027-03-28") == [expected]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("02:00", "03:00", "02:00+0200-03:00+0100"),  # both hours
        ("02:15", "02:45", "02:15+0200-02:45+0200"),  # the first time only
        ("01:00", "02:30", "01:00+0200-02:30+0200"),
        ("02:30", "04:00", "02:30+0200-04:00+0100"),
    ],
)
def test_in_the_night_that_repeats_an_hour_a_window_uses_the_first(
    start: str, end: str, expected: str
) -> None:
    assert hours_on(berlin(start, end), "2027-10-31") == [expected]


def test_a_day_that_a_zone_skips_moves_its_window_to_the_next() -> None:
    friday = Window(name="w", zone="Pacific/Apia", days=(Day.FRI,), start=time(2), end=time(3))
    jump = datetime(2011, 12, 30, 10, tzinfo=UTC)  # from Thursday's end to Saturday's beginning
    assert list_open_spans(friday, jump - 2 * DAY, jump + 2 * DAY) == [(jump, jump + HOUR)]


def test_a_window_over_midnight_belongs_to_the_day_of_its_start() -> None:
    friday = berlin("22:00", "04:00", (Day.FRI,))
    assert hours_on(friday, "2027-01-08") == ["22:00+0100-04:00+0100"]
    assert hours_on(friday, "2027-01-09") == []


def test_a_window_that_ends_when_it_starts_lasts_a_day_and_touching_spans_are_merged() -> None:
    now = datetime(2027, 3, 26, tzinfo=UTC)
    assert list_open_spans(berlin("05:00", "05:00"), now, now + 9 * DAY) == [(now, now + 9 * DAY)]


spans_within = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(
        lambda pair: (
            datetime(2027, 1, 1, tzinfo=UTC) + pair[0] * MINUTE,
            datetime(2027, 1, 1, tzinfo=UTC) + sum(pair) * MINUTE,
        )
    ),
    max_size=6,
)


@given(spans_within, spans_within)
def test_intersections_and_merged_spans_equal_sets_of_minutes(
    one: list[TimeSpan], other: list[TimeSpan]
) -> None:
    both = intersect_spans(merge_spans(one), merge_spans(other))
    assert minutes(merge_spans(one)) == minutes(one)
    assert minutes(both) == minutes(one) & minutes(other)
    assert both == merge_spans(both)


@given(spans_within)
def test_the_unfrozen_time_is_all_but_the_freezes(frozen: list[TimeSpan]) -> None:
    after = datetime(2027, 1, 1, 0, 10, tzinfo=UTC)
    before = after + HOUR
    freezes = [Freeze(name="f", begins=b, ends=e, reason="r") for b, e in frozen]
    rest = minutes([(after, before)]) - minutes(frozen)
    assert minutes(list_unfrozen_spans(freezes, after, before)) == rest
