"""A task may start at the first hour at which changes to all its targets may start."""

from datetime import UTC, datetime, time, timedelta
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar.allowed_start import HORIZON, find_allowed_start
from domain.calendar.windows import (
    WEEK,
    AllowedStart,
    Calendar,
    CalendarScope,
    CalendarTarget,
    Day,
    Freeze,
    StartReasonCode,
    Window,
)
from domain.errors import BadInput

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2027, 1, 6, 12, tzinfo=UTC)  # a Wednesday
MAIN, OTHER = CalendarTarget(account="main"), CalendarTarget(account="other", tags={"env": "prod"})


def window(
    name: str,
    start: int,
    end: int,
    scope: CalendarScope | None = None,
    days: tuple[Day, ...] = WEEK,
) -> Window:
    return Window(
        name=name,
        zone="UTC",
        days=days,
        start=time(start),
        end=time(end),
        scope=scope or CalendarScope(),
    )


def freeze(
    name: str, begins: datetime, ends: datetime, scope: CalendarScope | None = None
) -> Freeze:
    scope = scope or CalendarScope()
    return Freeze(name=name, begins=begins, ends=ends, reason="quarter's end", scope=scope)


def for_account(name: str) -> CalendarScope:
    return CalendarScope(accounts=(name,))


def find(
    *rules: Window | Freeze,
    at: datetime = NOON,
    now: datetime = NOON,
    targets: tuple[CalendarTarget, ...] = (MAIN,),
    expires: datetime | None = None,
) -> AllowedStart:
    windows = tuple(each for each in rules if isinstance(each, Window))
    freezes = tuple(each for each in rules if isinstance(each, Freeze))
    calendar = Calendar(windows=windows, freezes=freezes)
    return find_allowed_start(at, now, calendar, targets, lambda: expires)


def mentions(start: AllowedStart, *names: str) -> bool:
    """Whether there is one reason for each window and freeze named, in this order."""
    return len(start.reasons) == len(names) and all(
        repr(name) in reason.text for name, reason in zip(names, start.reasons, strict=True)
    )


def list_codes(start: AllowedStart) -> list[StartReasonCode]:
    return [each.code for each in start.reasons]


def test_without_windows_the_requested_time_is_allowed() -> None:
    later = NOON + 3 * DAY
    assert find(at=later) == AllowedStart(at=later)


def test_in_a_window_the_requested_time_is_allowed_until_the_window_closes() -> None:
    night = NOON + 11 * HOUR
    assert find(window("nights", 22, 4), at=night) == AllowedStart(at=night, until=NOON + 16 * HOUR)


def test_outside_of_the_window_it_is_the_next_time_with_the_reason() -> None:
    start = find(window("nights", 22, 4))
    assert (start.at, start.until) == (NOON + 10 * HOUR, NOON + 16 * HOUR)
    assert mentions(start, "nights")
    assert "daily 22:00-04:00 UTC" in start.reasons[0].text
    assert list_codes(start) == [StartReasonCode.OUTSIDE_WINDOWS]


def test_a_time_that_has_passed_means_now() -> None:
    yesterday = NOON - DAY
    assert find(window("noon", 12, 13), at=yesterday).at == yesterday
    assert find(window("nights", 22, 4), at=yesterday).at == NOON + 10 * HOUR


def test_the_first_moment_is_open_and_the_last_is_not() -> None:
    ten = NOON - 2 * HOUR
    both = window("mornings", 10, 12)
    assert find(both, at=ten, now=ten).at == ten
    assert find(both, at=NOON).at == ten + DAY


def test_any_of_the_windows_of_a_target_is_enough() -> None:
    rules = window("nights", 22, 4), window("afternoons", 14, 15)
    assert find(*rules).at == NOON + 2 * HOUR


def test_a_window_of_another_account_or_tag_does_not_count() -> None:
    rule = window("nights", 22, 4, for_account("other"))
    assert find(rule).at == NOON
    assert find(rule, targets=(MAIN, OTHER)).at == NOON + 10 * HOUR
    tagged = window("nights", 22, 4, CalendarScope(tags=("env=prod",)))
    assert find(tagged).at == NOON
    assert find(tagged, targets=(OTHER,)).at == NOON + 10 * HOUR


def test_several_accounts_wait_for_the_first_hour_in_common() -> None:
    mine = window("mine", 14, 16, for_account("main"))
    theirs = window("theirs", 15, 18, for_account("other"))
    start = find(mine, theirs, targets=(MAIN, OTHER))
    assert (start.at, start.until) == (NOON + 3 * HOUR, NOON + 4 * HOUR)
    assert mentions(start, "mine", "theirs")


def test_windows_without_a_common_hour_are_refused_by_name() -> None:
    mine = window("mine", 14, 15, for_account("main"))
    theirs = window("theirs", 15, 18, for_account("other"))
    with pytest.raises(BadInput) as refusal:
        find(mine, theirs, targets=(MAIN, OTHER))
    assert (refusal.value.code, refusal.value.where) == ("no-common-window", "windows")
    for part in ("'mine' (daily 14:00-15:00 UTC)", "'theirs' (daily 15:00-18:00 UTC)"):
        assert part in refusal.value.what
    assert "--ignore-windows" in str(refusal.value.fix)


def test_three_windows_that_only_meet_in_pairs_are_refused_by_name() -> None:
    third = CalendarTarget(account="third")
    spans = {"main": (14, 16), "other": (15, 17), "third": (16, 15)}
    rules = [window(name, *hours, for_account(name)) for name, hours in spans.items()]
    with pytest.raises(BadInput) as refusal:
        find(*rules, targets=(MAIN, OTHER, third))
    assert refusal.value.code == "no-common-window"
    assert all(repr(name) in refusal.value.what for name in spans)


def test_a_freeze_closes_what_a_window_opens() -> None:
    frozen = freeze("close", NOON - HOUR, NOON + 13 * HOUR)
    start = find(frozen)
    assert (start.at, start.until) == (NOON + 13 * HOUR, None)
    assert mentions(start, "close")
    assert all(part in start.reasons[0].text for part in ("2027-01-07 01:00 UTC", "quarter's end"))
    nights = window("nights", 22, 4)
    assert find(frozen, nights).at == NOON + 13 * HOUR
    assert mentions(find(frozen, nights), "close", "nights")
    assert list_codes(find(frozen, nights)) == [
        StartReasonCode.FREEZE,
        StartReasonCode.OUTSIDE_WINDOWS,
    ]
    assert find(frozen, nights, at=NOON + 14 * HOUR).at == NOON + 14 * HOUR


def test_a_later_freeze_ends_the_allowed_time_before_its_window_does() -> None:
    coming = freeze("close", NOON + 12 * HOUR, NOON + 30 * HOUR)
    assert find(window("nights", 22, 4), coming).until == NOON + 12 * HOUR
    assert find(coming).until == NOON + 12 * HOUR


def test_the_search_goes_on_after_a_freeze_longer_than_the_horizon() -> None:
    thaw = NOON + 3 * HORIZON
    first = find(window("sundays", 22, 4, days=(Day.SUN,)), freeze("long", NOON, thaw)).at
    assert thaw < first < thaw + 7 * DAY


def test_an_expiry_too_near_to_the_next_allowed_time_overrides_the_rules() -> None:
    frozen = freeze("close", NOON, NOON + 10 * DAY)
    overridden = find(frozen, expires=NOON + 12 * DAY - HOUR)
    assert (overridden.at, overridden.overridden) == (NOON, True)
    for part in ("2027-01-18 11:00 UTC", "2027-01-16 12:00 UTC", "48 h"):
        assert part in overridden.reasons[1].text
    assert overridden.reasons[1].code is StartReasonCode.EXPIRY_TOO_NEAR
    moved = find(frozen, expires=NOON + 12 * DAY)
    assert (moved.at, moved.overridden) == (NOON + 10 * DAY, False)


def test_an_expiry_overrides_windows_without_a_common_hour() -> None:
    rules = (
        window("mine", 14, 15, for_account("main")),
        window("theirs", 15, 18, for_account("other")),
    )
    overridden = find(*rules, targets=(MAIN, OTHER), expires=NOON + 20 * DAY)
    assert (overridden.at, overridden.overridden) == (NOON, True)
    assert len(overridden.reasons) == 3
    assert "2027-01-26 12:00 UTC" in overridden.reasons[2].text
    assert overridden.reasons[2].code is StartReasonCode.EXPIRY_TOO_NEAR


def test_in_an_open_window_nothing_is_overridden() -> None:
    assert not find(window("noon", 12, 13), expires=NOON + HOUR).overridden


hours = st.integers(0, 23)
names = st.sampled_from(["main", "other"])
scopes = st.builds(for_account, names) | st.just(CalendarScope())
windows = st.builds(
    window,
    st.just("w"),
    hours,
    hours,
    scopes,
    st.sets(st.sampled_from(WEEK), min_size=1).map(
        lambda days: tuple(sorted(days, key=WEEK.index))
    ),
)
freezes = st.builds(
    lambda begins, length, scope: freeze(
        "f", NOON + begins * HOUR, NOON + (begins + length) * HOUR, scope
    ),
    st.integers(-48, 200),
    st.integers(1, 100),
    scopes,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(windows, max_size=3), st.lists(freezes, max_size=2), st.integers(-30, 100))
def test_it_is_the_first_hour_that_is_allowed_for_each_target(
    some: list[Window], frozen: list[Freeze], ahead: int
) -> None:
    # All rules begin and end on the hour here, so hours can be tried one by one.
    at = NOON + ahead * HOUR

    def is_open(target: CalendarTarget, hour: datetime) -> bool:
        mine = [each for each in some if each.scope.covers(target)]
        cold = any(f.scope.covers(target) and f.begins <= hour < f.ends for f in frozen)
        return not cold and (not mine or any(_is_in(each, hour) for each in mine))

    targets = (MAIN, OTHER)
    start = max(at, NOON)
    end = max([start, *(f.ends for f in frozen)]) + HORIZON
    tried = [start + n * HOUR for n in range(int((end - start) / HOUR))]
    good = [hour for hour in tried if all(is_open(target, hour) for target in targets)]
    if not good:
        with pytest.raises(BadInput):
            find(*some, *frozen, at=at, targets=targets)
        return
    first = find(*some, *frozen, at=at, targets=targets)
    assert first.at == (at if good[0] == start else good[0])
    assert bool(first.reasons) == (good[0] != start)
    through = list(takewhile(set(good).__contains__, tried[tried.index(good[0]) :]))
    assert (first.until or end) == through[-1] + HOUR


def _is_in(each: Window, hour: datetime) -> bool:
    """Whether the hour is in the window that started today or yesterday."""
    today, yesterday = WEEK[hour.weekday()] in each.days, WEEK[hour.weekday() - 1] in each.days
    if each.start < each.end:
        return today and each.start <= hour.time() < each.end
    return (today and hour.time() >= each.start) or (yesterday and hour.time() < each.end)
