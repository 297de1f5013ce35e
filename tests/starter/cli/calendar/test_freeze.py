"""`certroll freeze`: stored, listed with its state, and ended early."""

from tests.support.command_line import CommandLine, list_lines

ADD = ("freeze", "add", "close", "--to", "in 2h", "--reason", "quarter's end")


def test_a_freeze_begins_now_by_default(certroll: CommandLine) -> None:
    text = certroll(*ADD, "--tag", "env=prod").stdout
    assert "'close'" in text
    assert "env=prod" in text
    (freeze,) = certroll.json("freeze", "list")
    assert (freeze["name"], freeze["state"]) == ("close", "active")
    assert freeze["scope"] == {"accounts": [], "tags": ["env=prod"]}
    assert freeze["reason"] == "quarter's end"
    (row,) = list_lines(certroll("freeze", "list").stdout, "close")
    assert row.endswith("env=prod  active  quarter's end")


def test_the_list_shows_upcoming_and_past_freezes(certroll: CommandLine) -> None:
    for name, begins, ends in [
        ("former", "2026-01-01T00:00Z", "2026-01-02T00:00Z"),
        ("later", "in 2d", "in 3d"),
    ]:
        words = ("--from", begins, "--to", ends, "--reason", "sale")
        certroll("freeze", "add", name, *words)
    states = {each["name"]: each["state"] for each in certroll.json("freeze", "list")}
    assert states == {"former": "over", "later": "upcoming"}


def test_an_invalid_freeze_is_refused_and_not_stored(certroll: CommandLine) -> None:
    words = ("freeze", "add", "close", "--reason", "sale")
    error = certroll.error(*words, "--from", "in 2h", "--to", "in 1h")
    assert (error["code"], error["where"]) == ("invalid-freeze", "--to")
    assert certroll.error(*words, "--to", "soon")["code"] == "invalid-time"
    assert (
        certroll.error("freeze", "add", "x", "--to", "in 1h", "--reason", " ")["code"]
        == "invalid-text-length"
    )
    assert certroll.json("freeze", "list") == []


def test_a_freeze_of_the_same_name_is_stored_only_with_replace(certroll: CommandLine) -> None:
    certroll(*ADD)
    assert certroll.error(*ADD)["code"] == "name-taken"
    certroll(*ADD, "--replace")
    assert len(certroll.json("freeze", "list")) == 1


def test_a_freeze_is_ended_early(certroll: CommandLine) -> None:
    certroll(*ADD)
    result = certroll("freeze", "delete", "close", "--yes")
    assert "'close'" in result.stdout
    assert "certroll task reschedule" in result.stderr
    assert certroll.json("freeze", "list") == []
    result = certroll("freeze", "list")
    assert result.stdout == ""
    assert "certroll freeze add" in result.stderr
    assert certroll.error("freeze", "delete", "close", "--yes")["code"] == "unknown-freeze"
