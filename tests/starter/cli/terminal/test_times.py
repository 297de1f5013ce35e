"""Times as people write them: one meaning each, or a refusal that says why."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from starter.cli.terminal.times import (
    LOCAL,
    count_days_left,
    format_minute,
    format_second,
    format_with_offset,
    parse_day,
    parse_time,
)

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "UTC"]
).map(ZoneInfo)
YEARS = [datetime(year, 1, 1, tzinfo=UTC).replace(tzinfo=None) for year in (2026, 2034)]
NEAR = st.datetimes(*YEARS)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[tzinfo]:
    """This machine stands in Berlin."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield LOCAL
    time.tzset()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW),
        ("in 2h", NOW + timedelta(hours=2)),
        ("in 2h30m", NOW + timedelta(hours=2, minutes=30)),
        ("IN  1d 2h 3m 4s", NOW + timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("2026-12-01T03:00:00Z", datetime(2026, 12, 1, 3, tzinfo=UTC)),
        ("2026-12-01t03:00:00z", datetime(2026, 12, 1, 3, tzinfo=UTC)),
        ("2026-12-01T03:00:00+01:00", datetime(2026, 12, 1, 2, tzinfo=UTC)),
        ("2026-12-01 03:00 -05:30", datetime(2026, 12, 1, 8, 30, tzinfo=UTC)),
        ("2026-12-01T03:00:00.25Z", datetime(2026, 12, 1, 3, 0, 0, 250000, tzinfo=UTC)),
        ("2026-12-01T03:00:00.1234567891Z", datetime(2026, 12, 1, 3, 0, 0, 123456, tzinfo=UTC)),
        ("2026-12-01 03:00", datetime(2026, 12, 1, 2, tzinfo=UTC)),
        ("2026-07-01T03:00:30", datetime(2026, 7, 1, 1, 0, 30, tzinfo=UTC)),
        ("2020-01-01T00:00:00Z", datetime(2020, 1, 1, tzinfo=UTC)),
    ],
)
def test_every_form_means_one_moment(text: str, expected: datetime) -> None:
    assert parse_time(text, NOW, BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "'' cannot be read"),
        ("tomorrow", "'tomorrow' cannot be read"),
        ("in", "cannot be read"),
        ("in 2", "cannot be read"),
        ("in 2 weeks", "cannot be read"),
        ("2h", "cannot be read"),
        ("in -2h", "cannot be read"),
        ("2026-12-01", "cannot be read"),
        ("03:00", "cannot be read"),
        ("1764547200", "cannot be read"),
        ("2026-02-30 03:00", "is not a date and time of the calendar"),
        ("2026-12-01 24:01", "is not a date and time of the calendar"),
        ("2026-12-01T03:00:60Z", "is not a date and time of the calendar"),
        ("2026-12-01T03:00:00+99:00", "is not a date and time of the calendar"),
        ("9999-12-31T23:59:59Z", "is more than ten years away"),
        ("0001-01-01 00:00", "is more than ten years away"),
        ("in 999999999d", "is more than ten years away"),
        ("x" * 1000, "cannot be read"),
    ],
)
def test_whatever_is_no_time_is_refused_with_the_forms(text: str, complaint: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_time(text, NOW, BERLIN)
    assert complaint in str(refused.value)
    assert 'Write it as "2026-12-01T03:00:00+01:00"' in str(refused.value)
    assert len(str(refused.value)) < 250


def meaning(text: str, zone: tzinfo) -> datetime | str:
    """The time, or why it is refused."""
    try:
        return parse_time(text, NOW, zone)
    except BadInput as refused:
        return str(refused)


def check_gap(zone: tzinfo) -> None:
    with pytest.raises(BadInput) as refused:
        parse_time("2027-03-28 02:30", NOW, zone)
    assert "does not exist in the local zone: the clock is put forward past it" in str(
        refused.value
    )
    assert "The nearest times are 2027-03-28 01:30 CET and 2027-03-28 03:30 CEST." in str(
        refused.value
    )


def check_repeated(zone: tzinfo) -> None:
    with pytest.raises(BadInput) as refused:
        parse_time("2027-10-31 02:30", NOW, zone)
    result = str(refused.value)
    assert "comes twice in the local zone" in result
    first, second = "2027-10-31T02:30:00+02:00", "2027-10-31T02:30:00+01:00"
    assert f"Give one of them: {first} or {second}." in result
    assert parse_time(second, NOW, zone) - parse_time(first, NOW, zone) == timedelta(hours=1)


def test_a_local_time_that_the_clock_skips_is_refused_with_its_neighbours() -> None:
    check_gap(BERLIN)


def test_a_local_time_that_comes_twice_is_refused_with_both_ways_to_say_it() -> None:
    check_repeated(BERLIN)


def test_the_zone_of_this_machine_knows_its_changes_of_the_clock(berlin: tzinfo) -> None:
    check_gap(berlin)
    check_repeated(berlin)
    assert parse_time("2027-07-01 03:00", NOW) == datetime(2027, 7, 1, 1, tzinfo=UTC)
    assert parse_time("2027-01-01 03:00", NOW) == datetime(2027, 1, 1, 2, tzinfo=UTC)


@given(moment=NEAR)
def test_the_zone_of_this_machine_agrees_with_the_zone_database(moment: datetime) -> None:
    utc = moment.replace(tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        ours, theirs = utc.astimezone(LOCAL), utc.astimezone(BERLIN)
        assert ours.replace(tzinfo=None) == theirs.replace(tzinfo=None)
        assert (ours.fold, ours.utcoffset()) == (theirs.fold, theirs.utcoffset())
        assert ours.tzname() == theirs.tzname()
        assert (ours.dst(), ours.astimezone(UTC)) == (None, utc)
    time.tzset()


@given(local=NEAR, zone=ZONES)
def test_a_local_time_is_refused_or_is_the_only_moment_that_the_clock_shows_it(
    local: datetime, zone: ZoneInfo
) -> None:
    local = local.replace(microsecond=0, fold=0)
    meant = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    shows = [m for m in meant if m.astimezone(zone).replace(tzinfo=None, fold=0) == local]
    result = meaning(f"{local}", zone)
    if isinstance(result, str):
        assert len(shows) == (2 if "comes twice" in result else 0)
    else:
        assert [result.astimezone(UTC)] == shows


@given(moment=NEAR, offset=st.integers(-14 * 60, 14 * 60))
def test_rfc_3339_comes_back_as_it_was(moment: datetime, offset: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    assert parse_time(aware.isoformat(), NOW, BERLIN) == aware


@given(parts=st.lists(st.tuples(st.integers(0, 999), st.sampled_from("dhms")), max_size=4))
def test_amounts_of_time_add_up(parts: list[tuple[int, str]]) -> None:
    seconds = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
    text = "in " + "".join(f"{amount}{unit}" for amount, unit in [*parts, (1, "s")])
    total = sum(amount * seconds[unit] for amount, unit in parts) + 1
    assert parse_time(text, NOW, BERLIN) == NOW + timedelta(seconds=total)


@given(text=st.text(max_size=40))
def test_no_text_does_anything_but_be_a_time_or_be_refused(text: str) -> None:
    result = meaning(text, BERLIN)
    assert "Write it as" in result if isinstance(result, str) else result.tzinfo


def test_a_date_alone_is_the_midnight_that_it_begins_with() -> None:
    assert parse_day("2026-12-01", NOW, BERLIN) == datetime(2026, 11, 30, 23, tzinfo=UTC)
    assert parse_day("in 1d", NOW, BERLIN) == NOW + timedelta(days=1)
    with pytest.raises(BadInput, match="is not a date and time of the calendar"):
        parse_day("2026-13-01", NOW, BERLIN)


def test_times_are_shown_with_their_zone() -> None:
    assert format_minute(NOW, BERLIN) == "2026-11-24 13:00 CET"
    assert format_with_offset(NOW, BERLIN) == "2026-11-24 13:00:00 CET (UTC+01:00)"
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    assert format_with_offset(summer, BERLIN) == "2026-07-01 02:00:00 CEST (UTC+02:00)"
    assert format_minute(NOW, UTC) == "2026-11-24 12:00 UTC"


def test_an_audit_is_to_the_second() -> None:
    assert format_second(NOW + timedelta(seconds=7), BERLIN) == "2026-11-24 13:00:07 CET"


def test_days_left_are_whole_days() -> None:
    assert count_days_left(NOW + timedelta(hours=47), NOW) == 1
    assert count_days_left(NOW - timedelta(hours=1), NOW) == -1
