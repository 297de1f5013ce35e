"""Windows and freezes as people write them; what is wrong is told with what would do."""

from datetime import UTC, datetime, time, timedelta

import pytest

from domain.calendar.parsing import freeze, parse_clock, parse_days, scope_of, window, zone_named
from domain.calendar.windows import WEEK, Day, Scope
from domain.errors import BadInput

NOW = datetime(2027, 1, 6, 12, tzinfo=UTC)


def test_a_window_as_told() -> None:
    told = {"zone": "Asia/Shanghai", "days": "sat, Sunday", "start": "1:30", "end": "24:00"}
    made = window("weekends", **told, scope=Scope())
    assert made.hours == "sat, sun 01:30-00:00 Asia/Shanghai"
    assert (made.start, made.end) == (time(1, 30), time())


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("daily", WEEK),
        ("mon-fri", WEEK[:5]),
        ("fri-mon", (Day.MON, Day.FRI, Day.SAT, Day.SUN)),
        ("Wednesday", (Day.WED,)),
        ("sun,mon,sun", (Day.MON, Day.SUN)),
        ("mon-tue thu", (Day.MON, Day.TUE, Day.THU)),
    ],
)
def test_days(text: str, days: tuple[Day, ...]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mo", "someday", "mon-", "-fri", "mon,", "mon-fri-sun"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="no day of the week"):
        parse_days(text)


@pytest.mark.parametrize("text", ["", "24:01", "2", "2:5", "02:00:00", "25:00", "2am", "-1:00"])
def test_what_is_no_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"--from: .* is no time of day"):
        parse_clock(text, "--from")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Shangai", "Asia/Shanghai"),
        ("CEST", "CET"),
        ("../etc/passwd", "such as Europe/Berlin"),
        ("", "such as Europe/Berlin"),
        ("localtime", "such as Europe/Berlin"),
    ],
)
def test_a_zone_that_there_is_not_is_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(BadInput, match="there is no zone") as refusal:
        zone_named(text)
    assert near in str(refusal.value.fix)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 64])
def test_a_name_has_to_be_one(name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a name"):
        freeze(name, begins=NOW, ends=NOW + timedelta(1), scope=Scope(), reason="r")


def test_a_freeze_ends_after_it_begins() -> None:
    with pytest.raises(BadInput, match="--to: the freeze ends before it begins"):
        freeze("f", begins=NOW, ends=NOW, scope=Scope(), reason="r")


def test_a_tag_has_a_key() -> None:
    assert scope_of(["a", "a"], ["k=v", "k"]) == Scope(accounts=("a",), tags=("k=v", "k"))
    with pytest.raises(BadInput, match="--tag: '=v' is no tag"):
        scope_of([], ["=v"])
