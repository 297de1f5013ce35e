"""Windows and freezes are parsed as people write them; a wrong word is refused by its code."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest

from domain.calendar.parsing import (
    build_freeze,
    build_scope,
    parse_clock,
    parse_days,
    parse_window,
    parse_zone,
)
from domain.calendar.windows import WEEK, CalendarScope, Day
from domain.errors import BadInput

NOW = datetime(2027, 1, 6, 12, tzinfo=UTC)


def refuse(call: Callable[[], object]) -> tuple[str, str | None]:
    """The code and the place of the error that the call raises."""
    with pytest.raises(BadInput) as refusal:
        call()
    return refusal.value.code, refusal.value.where


def test_a_window_is_parsed() -> None:
    words = {"zone": "Asia/Shanghai", "days": "sat, Sunday", "start": "1:30", "end": "24:00"}
    made = parse_window("weekends", **words, scope=CalendarScope())
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
def test_days_are_parsed(text: str, days: tuple[Day, ...]) -> None:
    assert parse_days(text) == days


@pytest.mark.parametrize("text", ["", "mo", "someday", "mon-", "-fri", "mon,", "mon-fri-sun"])
def test_a_word_that_is_not_a_day_is_refused(text: str) -> None:
    assert refuse(lambda: parse_days(text)) == ("invalid-day", "--days")


@pytest.mark.parametrize("text", ["", "24:01", "2", "2:5", "02:00:00", "25:00", "2am", "-1:00"])
def test_a_text_that_is_not_a_time_of_day_is_refused(text: str) -> None:
    assert refuse(lambda: parse_clock(text, "--from")) == ("invalid-time-of-day", "--from")


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("europe/berlin", "Europe/Berlin"),
        ("Berlin", "Europe/Berlin"),
        ("New York", "America/New_York"),
        ("Shangai", "Asia/Shanghai"),
        ("CEST", "CET"),
        ("../etc/passwd", "IANA"),
        ("", "IANA"),
        ("localtime", "IANA"),
    ],
)
def test_an_unknown_zone_is_refused_with_the_nearest_names(text: str, near: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_zone(text)
    assert (refusal.value.code, refusal.value.where) == ("unknown-time-zone", "--zone")
    assert near in str(refusal.value.fix)


@pytest.mark.parametrize("name", ["", "a b", "-x", "x" * 64])
def test_a_name_with_other_characters_is_refused(name: str) -> None:
    code, _ = refuse(
        lambda: build_freeze(
            name, begins=NOW, ends=NOW + timedelta(1), scope=CalendarScope(), reason="r"
        )
    )
    assert code == "invalid-name"


def test_a_freeze_ends_after_it_begins() -> None:
    refused = refuse(
        lambda: build_freeze("f", begins=NOW, ends=NOW, scope=CalendarScope(), reason="r")
    )
    assert refused == ("invalid-freeze", "--to")


def test_a_scope_lists_each_name_once() -> None:
    scope = CalendarScope(accounts=("a",), tags=("k=v", "k"))
    assert build_scope(["a", "a"], ["k=v", "k"]) == scope


def test_a_tag_has_a_key() -> None:
    assert refuse(lambda: build_scope([], ["=v"])) == ("invalid-tag", "--tag")
