"""`certroll certificate cleanup`: shows, asks, removes, and says why the rest stays."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.command_line import CommandLine, run_on_terminal
from tests.support.stack import Stack
from tests.support.starter_examples import store_account
from tests.support.successive_deployments import SuccessiveDeployments

NAME = "a.example.com"
CLEANUP = ("certificate", "cleanup")
RESOURCE = f"main/alibaba.cdn/{NAME}"


class Cleaning(SuccessiveDeployments):
    """The command line beside a store with four generations of one certificate."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        stack.seed_domains(NAME)
        self.made = [self.deploy(name, NAME) for name in ("first", "second", "third", "last")]
        self.line = CommandLine(stack.settings.home)

    def results(self, *words: str, code: int = 0) -> dict[str, tuple[str, str | None]]:
        rows: list[dict[str, Any]] = self.line.json(*CLEANUP, *words, code=code)
        return {row["name"]: (row["result"], row["reason"]) for row in rows}

    @property
    def stored(self) -> list[str]:
        """Which of the four lie in the provider's store."""
        there = self.stack.cloud.list_certificates
        return [one.name for one in self.made if there(fingerprint=one.fingerprint)]


@pytest.fixture
def cleaning(stack: Stack) -> Iterator[Cleaning]:
    cleaning = Cleaning(stack)
    yield cleaning
    cleaning.stop()


def test_a_dry_run_shows_what_would_go_and_why_the_rest_stays(cleaning: Cleaning) -> None:
    kept = f"among the newest 2 that {RESOURCE} served before"
    assert cleaning.results("--dry-run") == {
        "first": ("removable", None),
        "second": ("kept", kept),
        "third": ("kept", kept),
        "last": ("kept", f"serves {RESOURCE}"),
    }
    result = cleaning.line(*CLEANUP, "--dry-run").stdout
    assert "removable" in result
    assert f"serves {RESOURCE}" in result
    assert cleaning.stored == ["first", "second", "third", "last"]


def test_it_asks_first_and_a_no_changes_nothing(cleaning: Cleaning) -> None:
    result = cleaning.line(*CLEANUP, code=2)
    assert "--yes" in result.stderr
    code, screen = run_on_terminal(cleaning.stack.settings.home, CLEANUP, answers=["n"])
    assert code == 1
    assert "Remove 1 certificates from the stores?" in screen
    assert len(cleaning.stored) == 4


def test_what_may_go_is_removed_and_known_to_be_gone(cleaning: Cleaning) -> None:
    result = cleaning.line(*CLEANUP, "--keep", "1", "--yes").stdout
    assert result.endswith("2 removed.\n")
    assert cleaning.stored == ["third", "last"]
    assert set(cleaning.results("--dry-run", "--keep", "1")) == {"third", "last"}
    assert "removed" not in str(cleaning.results("--yes", "--keep", "1"))


def test_what_was_removed_is_shown_as_json(cleaning: Cleaning) -> None:
    results = cleaning.results("--yes", "--account", "main")
    assert results["first"] == ("removed", None)
    assert results["second"][0] == "kept"


def test_what_the_store_refuses_is_shown_and_is_code_3(cleaning: Cleaning) -> None:
    cloud = cleaning.stack.cloud
    cloud.add_fault("error", "DeleteUserCertificate", code="Forbidden.RAM", status=403)
    result, reason = cleaning.results("--yes", code=3)["first"]
    assert result == "failed"
    assert reason is not None
    assert "Forbidden.RAM" in reason
    output = cleaning.line(*CLEANUP, "--yes", code=3)
    assert "first in alibaba.cas/cn of main: Forbidden.RAM" in output.stderr
    cloud.clear_faults()
    cloud.add_fault("error", "GetCertificateDetail", code="Forbidden.RAM", status=403)
    assert cleaning.results("--dry-run", code=3)["first"][0] == "failed"
    assert len(cleaning.stored) == 4


def test_an_account_that_does_not_exist_is_refused(certroll: CommandLine) -> None:
    assert certroll.error(*CLEANUP, "--account", "main")["code"] == "unknown-account"


def test_where_nothing_was_ever_put_that_is_said(certroll: CommandLine) -> None:
    store_account(certroll)
    result = certroll(*CLEANUP)
    assert (
        "certroll has not uploaded a certificate to any store yet." in result.stdout + result.stderr
    )


def test_who_keeps_all_has_to_say_how_many(certroll: CommandLine) -> None:
    env = {"CERTROLL_KEEP_CERTIFICATES": "all"}
    result = certroll.refusal(*CLEANUP, env=env)
    assert result.startswith("CERTROLL_KEEP_CERTIFICATES: the setting keeps all")
    certroll(*CLEANUP, "--keep", "2", env=env)
    assert (
        certroll.error(*CLEANUP, env={"CERTROLL_KEEP_CERTIFICATES": "some"})["code"]
        == "invalid-setting"
    )
