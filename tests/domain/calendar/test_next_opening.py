"""When a task may begin: the first hour that is open for all that it touches."""

from datetime import UTC, datetime, time, timedelta
from itertools import takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.calendar.next_opening import HORIZON, opening
from domain.calendar.windows import WEEK, Calendar, Day, Freeze, Opening, Place, Scope, Window
from domain.errors import BadInput

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOON = datetime(2027, 1, 6, 12, tzinfo=UTC)  # a Wednesday
MAIN, OTHER = Place(account="main"), Place(account="other", tags={"env": "prod"})


def window(
    name: str, start: int, end: int, scope: Scope | None = None, days: tuple[Day, ...] = WEEK
) -> Window:
    return Window(
        name=name, zone="UTC", days=days, start=time(start), end=time(end), scope=scope or Scope()
    )


def freeze(name: str, begins: datetime, ends: datetime, scope: Scope | None = None) -> Freeze:
    scope = scope or Scope()
    return Freeze(name=name, begins=begins, ends=ends, reason="quarter's end", scope=scope)


def for_account(name: str) -> Scope:
    return Scope(accounts=(name,))


def found(
    *rules: Window | Freeze,
    at: datetime = NOON,
    now: datetime = NOON,
    places: tuple[Place, ...] = (MAIN,),
    expires: datetime | None = None,
) -> Opening:
    windows = tuple(each for each in rules if isinstance(each, Window))
    freezes = tuple(each for each in rules if isinstance(each, Freeze))
    calendar = Calendar(windows=windows, freezes=freezes)
    return opening(at, now, calendar, places, lambda: expires)


def test_without_windows_the_asked_time_stands() -> None:
    later = NOON + 3 * DAY
    assert found(at=later) == Opening(at=later)


def test_in_a_window_the_asked_time_stands_and_it_is_told_when_it_closes() -> None:
    night = NOON + 11 * HOUR
    assert found(window("nights", 22, 4), at=night) == Opening(at=night, until=NOON + 16 * HOUR)


def test_outside_it_is_the_next_opening_and_says_why() -> None:
    assert found(window("nights", 22, 4)) == Opening(
        at=NOON + 10 * HOUR,
        until=NOON + 16 * HOUR,
        reasons=("outside of window 'nights' (daily 22:00-04:00 UTC)",),
    )


def test_a_time_that_has_passed_means_now() -> None:
    yesterday = NOON - DAY
    assert found(window("noon", 12, 13), at=yesterday).at == yesterday
    assert found(window("nights", 22, 4), at=yesterday).at == NOON + 10 * HOUR


def test_the_first_moment_is_open_and_the_last_is_not() -> None:
    ten = NOON - 2 * HOUR
    both = window("mornings", 10, 12)
    assert found(both, at=ten, now=ten).at == ten
    assert found(both, at=NOON).at == ten + DAY


def test_a_place_is_open_in_any_of_its_windows() -> None:
    rules = window("nights", 22, 4), window("afternoons", 14, 15)
    assert found(*rules).at == NOON + 2 * HOUR


def test_a_window_of_another_account_or_tag_does_not_count() -> None:
    rule = window("nights", 22, 4, for_account("other"))
    assert found(rule).at == NOON
    assert found(rule, places=(MAIN, OTHER)).at == NOON + 10 * HOUR
    tagged = window("nights", 22, 4, Scope(tags=("env=prod",)))
    assert found(tagged).at == NOON
    assert found(tagged, places=(OTHER,)).at == NOON + 10 * HOUR


def test_several_accounts_wait_for_the_first_hour_that_all_have_in_common() -> None:
    mine = window("mine", 14, 16, for_account("main"))
    theirs = window("theirs", 15, 18, for_account("other"))
    assert found(mine, theirs, places=(MAIN, OTHER)) == Opening(
        at=NOON + 3 * HOUR,
        until=NOON + 4 * HOUR,
        reasons=(
            "outside of window 'mine' (daily 14:00-16:00 UTC)",
            "outside of window 'theirs' (daily 15:00-18:00 UTC)",
        ),
    )


def test_windows_that_never_meet_are_refused_by_name() -> None:
    mine = window("mine", 14, 15, for_account("main"))
    theirs = window("theirs", 15, 18, for_account("other"))
    with pytest.raises(BadInput) as refusal:
        found(mine, theirs, places=(MAIN, OTHER))
    assert "'mine' (daily 14:00-15:00 UTC) and window 'theirs'" in refusal.value.what
    assert "or add --ignore-windows REASON" in str(refusal.value.fix)


def test_three_of_which_only_all_never_meet_are_refused_by_name() -> None:
    third = Place(account="third")
    spans = {"main": (14, 16), "other": (15, 17), "third": (16, 15)}
    rules = [window(name, *hours, for_account(name)) for name, hours in spans.items()]
    with pytest.raises(BadInput, match=r"'main'.*, 'other'.*, 'third'.* have no hour in common"):
        found(*rules, places=(MAIN, OTHER, third))


def test_a_freeze_closes_what_a_window_opens() -> None:
    frozen = freeze("close", NOON - HOUR, NOON + 13 * HOUR)
    assert found(frozen) == Opening(
        at=NOON + 13 * HOUR,
        reasons=("freeze 'close' until 2027-01-07 01:00 UTC: quarter's end",),
    )
    nights = window("nights", 22, 4)
    assert found(frozen, nights).at == NOON + 13 * HOUR
    assert found(frozen, nights).reasons[1].startswith("outside of window 'nights'")
    assert found(frozen, nights, at=NOON + 14 * HOUR).at == NOON + 14 * HOUR


def test_a_freeze_that_comes_ends_the_opening_before_its_window_does() -> None:
    coming = freeze("close", NOON + 12 * HOUR, NOON + 30 * HOUR)
    assert found(window("nights", 22, 4), coming).until == NOON + 12 * HOUR
    assert found(coming).until == NOON + 12 * HOUR


def test_a_freeze_longer_than_the_horizon_ends_some_day() -> None:
    thaw = NOON + 3 * HORIZON
    first = found(window("sundays", 22, 4, days=(Day.SUN,)), freeze("long", NOON, thaw)).at
    assert thaw < first < thaw + 7 * DAY


def test_an_expiry_too_near_to_the_next_opening_overrides_it() -> None:
    frozen = freeze("close", NOON, NOON + 10 * DAY)
    overridden = found(frozen, expires=NOON + 12 * DAY - HOUR)
    assert (overridden.at, overridden.overridden) == (NOON, True)
    assert overridden.reasons[1] == (
        "overridden: what is served expires 2027-01-18 11:00 UTC, the next opening is "
        "2027-01-16 12:00 UTC, and the margin is 48 h"
    )
    moved = found(frozen, expires=NOON + 12 * DAY)
    assert (moved.at, moved.overridden) == (NOON + 10 * DAY, False)


def test_an_expiry_overrides_windows_that_never_meet() -> None:
    rules = (
        window("mine", 14, 15, for_account("main")),
        window("theirs", 15, 18, for_account("other")),
    )
    overridden = found(*rules, places=(MAIN, OTHER), expires=NOON + 20 * DAY)
    assert overridden.overridden
    assert "there is no common opening" in overridden.why


def test_in_an_opening_nothing_is_overridden() -> None:
    assert not found(window("noon", 12, 13), expires=NOON + HOUR).overridden


hours = st.integers(0, 23)
names = st.sampled_from(["main", "other"])
scopes = st.builds(for_account, names) | st.just(Scope())
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
def test_it_is_the_first_hour_in_which_each_place_is_open(
    some: list[Window], frozen: list[Freeze], ahead: int
) -> None:
    """All rules begin and end on the hour here, so hours can be tried one by one."""
    at = NOON + ahead * HOUR

    def is_open(place: Place, hour: datetime) -> bool:
        mine = [each for each in some if each.scope.covers(place)]
        cold = any(f.scope.covers(place) and f.begins <= hour < f.ends for f in frozen)
        return not cold and (not mine or any(_shows(each, hour) for each in mine))

    places = (MAIN, OTHER)
    start = max(at, NOON)
    end = max([start, *(f.ends for f in frozen)]) + HORIZON
    tried = [start + n * HOUR for n in range(int((end - start) / HOUR))]
    good = [hour for hour in tried if all(is_open(place, hour) for place in places)]
    if not good:
        with pytest.raises(BadInput):
            found(*some, *frozen, at=at, places=places)
        return
    first = found(*some, *frozen, at=at, places=places)
    assert first.at == (at if good[0] == start else good[0])
    assert bool(first.reasons) == (good[0] != start)
    through = list(takewhile(set(good).__contains__, tried[tried.index(good[0]) :]))
    assert (first.until or end) == through[-1] + HOUR


def _shows(each: Window, hour: datetime) -> bool:
    """Whether the clock shows a time in the window, begun today or yesterday."""
    today, yesterday = WEEK[hour.weekday()] in each.days, WEEK[hour.weekday() - 1] in each.days
    if each.start < each.end:
        return today and each.start <= hour.time() < each.end
    return (today and hour.time() >= each.start) or (yesterday and hour.time() < each.end)
