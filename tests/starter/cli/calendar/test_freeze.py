"""`certroll freeze`: kept, listed with whether it holds, and ended early."""

from tests.support.command_line import CommandLine

ADD = ("freeze", "add", "close", "--to", "in 2h", "--reason", "quarter's end")


def test_a_freeze_begins_now_unless_told_otherwise(certroll: CommandLine) -> None:
    told = certroll(*ADD, "--tag", "env=prod").stdout
    assert told.startswith("Freeze 'close': ")
    assert told.endswith(", for tag env=prod.\n")
    (made,) = certroll.json("freeze", "list")
    assert made["state"] == "active"
    assert made["reason"] == "quarter's end"
    assert "  tag env=prod  active  quarter's end\n" in certroll("freeze", "list").stdout


def test_the_list_tells_what_is_to_come_and_what_is_over(certroll: CommandLine) -> None:
    for name, begins, ends in [
        ("former", "2026-01-01T00:00Z", "2026-01-02T00:00Z"),
        ("later", "in 2d", "in 3d"),
    ]:
        words = ("--from", begins, "--to", ends, "--reason", "sale")
        certroll("freeze", "add", name, *words)
    states = {each["name"]: each["state"] for each in certroll.json("freeze", "list")}
    assert states == {"former": "over", "later": "upcoming"}


def test_what_is_wrong_is_told_and_nothing_is_kept(certroll: CommandLine) -> None:
    words = ("freeze", "add", "close", "--reason", "sale")
    told = certroll.refusal(*words, "--from", "in 2h", "--to", "in 1h")
    assert told.startswith("--to: ")
    assert certroll.error(*words, "--to", "soon")["code"] == "invalid-time"
    assert (
        certroll.error("freeze", "add", "x", "--to", "in 1h", "--reason", " ")["code"]
        == "invalid-text-length"
    )
    assert certroll.json("freeze", "list") == []


def test_a_name_is_taken_once_unless_it_is_replaced(certroll: CommandLine) -> None:
    certroll(*ADD)
    assert certroll.error(*ADD)["code"] == "name-taken"
    certroll(*ADD, "--replace")
    assert len(certroll.json("freeze", "list")) == 1


def test_a_freeze_is_ended_early(certroll: CommandLine) -> None:
    certroll(*ADD)
    told = certroll("freeze", "delete", "close", "--yes")
    assert told.stdout == "Freeze 'close' is deleted.\n"
    assert "certroll task reschedule" in told.stderr
    assert certroll.json("freeze", "list") == []
    assert "No freezes" in certroll("freeze", "list").stderr
    assert certroll.error("freeze", "delete", "close", "--yes")["code"] == "unknown-freeze"
