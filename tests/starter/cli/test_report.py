"""`task report` and `report verify`: written once, and checked by whoever has the key."""

import json
from pathlib import Path

from tests.support.command_line import CommandLine
from tests.support.starter_examples import store_account, store_task


def with_task(certroll: CommandLine) -> None:
    store_account(certroll)
    store_task(certroll)


def test_a_report_is_written_as_json_or_as_a_page_and_is_genuine(
    certroll: CommandLine, tmp_path: Path
) -> None:
    with_task(certroll)
    key = certroll("report", "key").stdout.strip()
    for name in ("report.json", "report.html"):
        file = tmp_path / name
        written = certroll("task", "report", "autumn", "--output", str(file))
        assert key in written.stdout
        assert certroll("report", "verify", str(file)).stdout.startswith(
            f"Genuine: signed with {key}"
        )
        result = certroll.json("report", "verify", str(file), "--key", key.upper(), "--json")
        assert result["genuine"] is True
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")
    result = certroll.json("task", "report", "autumn", "-o", str(tmp_path / "other.json"), "--json")
    assert result == {"file": str(tmp_path / "other.json"), "key": key}
    printed = json.loads(certroll("task", "report", "autumn").stdout)
    assert printed["report"]["task"]["name"] == "autumn"


def test_a_changed_report_or_another_key_is_code_5(certroll: CommandLine, tmp_path: Path) -> None:
    with_task(certroll)
    file = tmp_path / "report.json"
    certroll("task", "report", "autumn", "-o", str(file))
    other = certroll("report", "verify", str(file), "--key", "ab" * 32, code=5)
    assert "NOT genuine" in other.output
    file.write_text(file.read_text().replace("autumn", "spring"))
    assert certroll.json("report", "verify", str(file), "--json", code=5)["genuine"] is False


def test_what_cannot_be_written_or_read_is_shown(certroll: CommandLine, tmp_path: Path) -> None:
    with_task(certroll)
    file = tmp_path / "taken.json"
    file.write_text("mine")
    assert "the file cannot be written: File exists" in certroll.refusal(
        "task", "report", "autumn", "-o", str(file)
    )
    assert file.read_text() == "mine"
    assert "this is no report of certroll" in certroll.refusal("report", "verify", str(file))
    report = tmp_path / "report.json"
    certroll("task", "report", "autumn", "-o", str(report))
    assert "64 hex digits" in certroll.refusal("report", "verify", str(report), "--key", "abc")
