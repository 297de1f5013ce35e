"""`certroll database`: an old schema is refused everywhere else, and brought up here."""

from pathlib import Path

from tests.starter.command_line import CommandLine


def test_a_schema_is_made_and_made_only_once(tmp_path: Path) -> None:
    certroll = CommandLine(tmp_path / "home", {"CERTROLL_DATABASE_URL": f"sqlite:///{tmp_path}/d"})
    told = certroll.refusal("quota", "show")
    assert "Run: certroll database migrate" in told
    assert certroll.json("database", "migrate")["current"] is True
    assert certroll("database", "migrate").stdout.endswith("/d is up to date.\n")
    assert certroll.json("quota", "show")["balance"] == 0


def test_a_database_that_does_not_answer_is_told_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://certroll:geheim@127.0.0.1:1/certroll"
    certroll = CommandLine(tmp_path / "home", {"CERTROLL_DATABASE_URL": url})
    told = certroll.refusal("database", "migrate")
    assert "the database cannot be used" in told
    assert "geheim" not in told
