"""`certroll window`: stored, listed with its state, and shown with its next times."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.command_line import CommandLine, list_lines
from tests.support.starter_examples import store_account

NIGHTS = ("window", "add", "nights", "--zone", "Europe/Berlin", "--from", "22:00", "--to", "04:00")
HOUR = timedelta(hours=1)


def test_a_window_is_stored(certroll: CommandLine) -> None:
    store_account(certroll)
    scope = ("--account", "main", "--tag", "env=prod")
    text = certroll(*NIGHTS, "--days", "mon-fri", *scope).stdout
    (window,) = certroll.json("window", "list")
    assert window["days"] == ["mon", "tue", "wed", "thu", "fri"]
    assert window["scope"] == {"accounts": ["main"], "tags": ["env=prod"]}
    hours = "mon-fri 22:00-04:00 Europe/Berlin"
    assert all(part in text for part in ("'nights'", hours, "account main", "tag env=prod"))
    assert certroll.json(*NIGHTS, "--replace") == {
        "name": "nights",
        "scope": {"accounts": [], "tags": []},
        "zone": "Europe/Berlin",
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "start": "22:00:00",
        "end": "04:00:00",
    }


@pytest.mark.parametrize(
    ("words", "code", "where"),
    [
        (("--zone", "Europe/Berln"), "unknown-time-zone", "--zone"),
        (("--from", "10pm"), "invalid-time-of-day", "--from"),
        (("--days", "mon-fry"), "invalid-day", "--days"),
        (("--account", "mian"), "unknown-account", None),
        (("--tag", "=x"), "invalid-tag", "--tag"),
    ],
)
def test_an_invalid_window_is_refused_and_not_stored(
    certroll: CommandLine, words: tuple[str, ...], code: str, where: str | None
) -> None:
    store_account(certroll)
    error = certroll.error(*NIGHTS, *words)
    assert (error["code"], error["where"]) == (code, where)
    assert certroll.json("window", "list") == []


@pytest.mark.parametrize(
    ("words", "name"),
    [(("--zone", "Europe/Berln"), "Europe/Berlin"), (("--account", "mian"), "main")],
)
def test_a_similar_name_is_suggested(
    certroll: CommandLine, words: tuple[str, ...], name: str
) -> None:
    store_account(certroll)
    assert name in certroll.error(*NIGHTS, *words)["fix"]


def test_a_window_of_the_same_name_is_stored_only_with_replace(certroll: CommandLine) -> None:
    certroll(*NIGHTS)
    error = certroll.error(*NIGHTS)
    assert error["code"] == "name-taken"
    assert "'nights'" in error["what"]
    assert "--replace" in error["fix"]


def add_open_and_closed(certroll: CommandLine) -> datetime:
    """Adds a window that is open now and one that is not; returns the full hour before now."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for name, opens in (("open", hour - HOUR), ("shut", hour + 6 * HOUR)):
        closes = opens + 4 * HOUR
        times = ("--from", f"{opens:%H:%M}", "--to", f"{closes:%H:%M}")
        certroll("window", "add", name, "--zone", "UTC", *times)
    return hour


def test_the_list_shows_which_windows_are_open_and_when_each_opens_next(
    certroll: CommandLine,
) -> None:
    hour = add_open_and_closed(certroll)
    is_open, shut = certroll.json("window", "list")
    assert (is_open["name"], is_open["open_now"]) == ("open", True)
    assert (shut["name"], shut["open_now"]) == ("shut", False)
    assert shut["next"] == [_span(hour + 6 * HOUR)]
    text = certroll("window", "list").stdout
    (first,), (second,) = list_lines(text, "open"), list_lines(text, "shut")
    assert f"open until {hour + 3 * HOUR:%Y-%m-%d %H:%M} UTC" in first
    assert "closed" in second.split()
    assert second.endswith(f"{hour + 6 * HOUR:%Y-%m-%d %H:%M} UTC")


def _span(opens: datetime) -> dict[str, str]:
    return {"opens": opens.isoformat(), "closes": (opens + 4 * HOUR).isoformat()}


def test_a_window_is_shown_with_the_next_times_it_opens(certroll: CommandLine) -> None:
    hour = add_open_and_closed(certroll)
    window = certroll.json("window", "show", "open", "--next", "3")
    days = [hour - HOUR + timedelta(days=n) for n in range(3)]
    assert window["next"] == [_span(day) for day in days]
    shown = certroll("window", "show", "shut", "--next", "2").stdout.splitlines()
    opens = hour + 6 * HOUR
    assert shown[4] == (
        f"next   {opens:%a %Y-%m-%d %H:%M} UTC to {opens + 4 * HOUR:%a %H:%M} UTC, 4 h 00 min"
    )
    assert len(shown) == 6


def test_a_window_is_shown_with_the_freezes_that_close_it(certroll: CommandLine) -> None:
    store_account(certroll)
    store_account(certroll, "other")
    add_open_and_closed(certroll)
    freeze = ("freeze", "add", "close", "--to", "in 2h", "--reason", "quarter's end")
    certroll(*freeze, "--account", "other")
    assert certroll.json("window", "show", "open")["frozen_by"] == ["close"]
    assert certroll.json("window", "list")[0]["open_now"] is False
    shown = certroll("window", "show", "open").stdout
    assert list_lines(shown, "freeze") == ["close: quarter's end"]
    assert "frozen until" in certroll("window", "list").stdout
    certroll(*freeze, "--replace")
    assert min(_opens(certroll, "open")) >= datetime.now(UTC) + timedelta(minutes=110)
    certroll(*freeze, "--account", "other", "--replace")
    certroll("window", "delete", "open", "--yes")
    hours = ("--zone", "UTC", "--from", "0:00", "--to", "24:00", "--account", "main")
    certroll("window", "add", "open", *hours)
    assert certroll.json("window", "show", "open")["frozen_by"] == []
    assert list_lines(certroll("window", "show", "open").stdout, "state") == ["always open"]


def _opens(certroll: CommandLine, name: str) -> list[datetime]:
    window = certroll.json("window", "show", name)
    return [datetime.fromisoformat(each["opens"]) for each in window["next"]]


def test_a_deleted_window_is_gone(certroll: CommandLine) -> None:
    certroll(*NIGHTS)
    assert certroll.json("window", "delete", "nights", "--yes") == {"deleted": "nights"}
    result = certroll("window", "list")
    assert result.stdout == ""
    assert "certroll window add" in result.stderr
    assert certroll.error("window", "show", "nights")["code"] == "unknown-window"
