"""`certroll window`: kept, listed with what is open now, and shown with the next openings."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.command_line import CommandLine
from tests.support.starter_examples import store_account

NIGHTS = ("window", "add", "nights", "--zone", "Europe/Berlin", "--from", "22:00", "--to", "04:00")
HOUR = timedelta(hours=1)


def test_a_window_is_added_and_told(certroll: CommandLine) -> None:
    store_account(certroll)
    told = certroll(*NIGHTS, "--days", "mon-fri", "--account", "main", "--tag", "env=prod")
    assert told.stdout == (
        "Window 'nights' is stored: mon-fri 22:00-04:00 Europe/Berlin, "
        "for account main, tag env=prod.\n"
    )
    assert certroll.json(*NIGHTS, "--replace") == {
        "name": "nights",
        "scope": {"accounts": [], "tags": []},
        "zone": "Europe/Berlin",
        "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
        "start": "22:00:00",
        "end": "04:00:00",
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--zone", "Europe/Berln"), "Europe/Berlin"),
        (("--from", "10pm"), "--from: '10pm'"),
        (("--days", "mon-fry"), "--days: 'fry'"),
        (("--account", "mian"), "there is no account 'mian'. Did you mean main?"),
        (("--tag", "=x"), "--tag: '=x'"),
    ],
)
def test_what_is_wrong_is_told_and_nothing_is_kept(
    certroll: CommandLine, words: tuple[str, ...], told: str
) -> None:
    store_account(certroll)
    assert told in certroll.refusal(*NIGHTS, *words)
    assert certroll.json("window", "list") == []


def test_a_name_is_taken_once(certroll: CommandLine) -> None:
    certroll(*NIGHTS)
    refusal = certroll.refusal(*NIGHTS)
    assert all(part in refusal for part in ("'nights'", "--replace"))


def add_around_now(certroll: CommandLine) -> datetime:
    """A window that is open now, and one that is not; the full hour before now."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for name, opens in (("open", hour - HOUR), ("shut", hour + 6 * HOUR)):
        closes = opens + 4 * HOUR
        times = ("--from", f"{opens:%H:%M}", "--to", f"{closes:%H:%M}")
        certroll("window", "add", name, "--zone", "UTC", *times)
    return hour


def test_the_list_tells_what_is_open_and_when_the_rest_opens(certroll: CommandLine) -> None:
    hour = add_around_now(certroll)
    is_open, shut = certroll.json("window", "list")
    assert (is_open["name"], is_open["open_now"]) == ("open", True)
    assert (shut["name"], shut["open_now"]) == ("shut", False)
    assert shut["next"] == [_span(hour + 6 * HOUR)]
    first, second = certroll("window", "list").stdout.splitlines()[1:]
    assert "  all    open until " in first
    assert "  all  closed  " in second


def _span(opens: datetime) -> dict[str, str]:
    return {"opens": opens.isoformat(), "closes": (opens + 4 * HOUR).isoformat()}


def test_a_window_is_shown_with_its_next_openings(certroll: CommandLine) -> None:
    hour = add_around_now(certroll)
    told = certroll.json("window", "show", "open", "--next", "3")
    days = [hour - HOUR + timedelta(days=n) for n in range(3)]
    assert told["next"] == [_span(day) for day in days]
    shown = certroll("window", "show", "shut", "--next", "2").stdout.splitlines()
    opens = hour + 6 * HOUR
    assert shown[4] == (
        f"next   {opens:%a %Y-%m-%d %H:%M} UTC to {opens + 4 * HOUR:%a %H:%M} UTC, 4 h 00 min"
    )
    assert len(shown) == 6


def test_a_freeze_is_told_with_the_windows_that_it_closes(certroll: CommandLine) -> None:
    store_account(certroll)
    store_account(certroll, "other")
    add_around_now(certroll)
    freeze = ("freeze", "add", "close", "--to", "in 2h", "--reason", "quarter's end")
    certroll(*freeze, "--account", "other")
    assert certroll.json("window", "show", "open")["frozen_by"] == ["close"]
    assert certroll.json("window", "list")[0]["open_now"] is False
    assert "freeze  close: quarter's end" in certroll("window", "show", "open").stdout
    assert "frozen until" in certroll("window", "list").stdout
    certroll(*freeze, "--replace")
    assert min(_opens(certroll, "open")) >= datetime.now(UTC) + timedelta(minutes=110)
    certroll(*freeze, "--account", "other", "--replace")
    certroll("window", "delete", "open", "--yes")
    hours = ("--zone", "UTC", "--from", "0:00", "--to", "24:00", "--account", "main")
    certroll("window", "add", "open", *hours)
    assert certroll.json("window", "show", "open")["frozen_by"] == []
    assert "state  always open" in certroll("window", "show", "open").stdout


def _opens(certroll: CommandLine, name: str) -> list[datetime]:
    told = certroll.json("window", "show", name)
    return [datetime.fromisoformat(each["opens"]) for each in told["next"]]


def test_a_window_that_is_deleted_is_gone(certroll: CommandLine) -> None:
    certroll(*NIGHTS)
    assert certroll.json("window", "delete", "nights", "--yes") == {"deleted": "nights"}
    told = certroll("window", "list").stderr
    assert told == "No windows, so changes may start at any time: certroll window add\n"
    assert certroll.error("window", "show", "nights")["code"] == "unknown-window"
