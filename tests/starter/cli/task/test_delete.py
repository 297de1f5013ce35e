"""`certroll task delete`: all that are named or none, each warned of by what it is."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.tasks.status import TaskStatus
from tests.support.command_line import CommandLine
from tests.support.starter_examples import store_task
from tests.support.stored_examples import build_plan, build_task_record

REASON = ("--reason", "over")


@pytest.fixture
def ready(certroll: CommandLine) -> CommandLine:
    """Tasks in several statuses, named after them; one that failed did so long ago."""
    store_task(certroll)
    now = datetime.now(UTC)
    with certroll.store() as store:
        for name, status, age in (
            ("draft", TaskStatus.DRAFT, 0),
            ("waiting", TaskStatus.SCHEDULED, 0),
            ("running", TaskStatus.RUNNING, 0),
            ("failed", TaskStatus.FAILED, 1),
            ("long-ago", TaskStatus.FAILED, 40),
        ):
            ended = now - timedelta(days=age)
            base = build_task_record(build_plan(), f"id-{name}", name)
            made = base.model_copy(
                update={"status": status, "ended_at": ended, "created_at": ended}
            )
            store.tasks.create(made, build_plan())
    return certroll


def test_it_warns_of_each_by_what_it_is_and_asks(ready: CommandLine) -> None:
    names = ("draft", "waiting", "running", "failed")
    result = ready("task", "delete", *names, *REASON, code=2)
    lines = result.stderr.splitlines()
    assert "rolled back" in lines[0]
    assert lines[1:5] == [
        "  id-draft  draft: a draft, nothing has started",
        "  id-waiting  waiting: scheduled; it is cancelled and its quota (3) refunded",
        "  id-running  running: running; changes that have not started are cancelled and refunded",
        "  id-failed  failed: failed, 0 deployed",
    ]
    assert lines[5].startswith("error: --yes: this needs confirmation")


def test_one_that_is_wrong_keeps_all_of_them(ready: CommandLine) -> None:
    with ready.store() as store:
        store.tasks.delete("id-failed", "me", "over", datetime.now(UTC))
    result = ready.refusal("task", "delete", "draft", "nothing", "id-failed", *REASON, "--yes")
    assert "there is no task 'nothing'" in result
    assert "id-failed is already deleted. Nothing was deleted." in result
    with ready.store() as store:
        assert store.tasks.find("draft").deleted_at is None


def test_they_are_chosen_by_status_and_age(ready: CommandLine) -> None:
    words = ("task", "delete", "--status", "failed", *REASON)
    assert ready(*words, code=2).stderr.count("failed, 0 deployed") == 2
    result = ready(*words, "--older-than", "30d", code=2)
    assert "id-long-ago" in result.stderr
    assert "id-failed" not in result.stderr
    result = ready(*words, "--status", "draft", code=2)
    assert "id-draft" in result.stderr
    assert ready(*words, "--older-than", "60d").stdout == "No task matches.\n"
    assert ready.json(*words, "--older-than", "60d")["tasks"] == []


def test_drafts_of_a_status_go_without_an_engine(ready: CommandLine) -> None:
    result = ready.json("task", "delete", "--status", "draft", *REASON, "--yes")
    assert result["tasks"] == ["id-draft"]
    with ready.store() as store:
        assert store.tasks.find("id-draft").deleted_at is not None


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "give either tasks or --status"),
        (("draft", "--status", "failed"), "give either tasks or --status"),
        (("--status", "fine"), "there is no status 'fine'. Use draft, scheduled"),
        (("draft", "--older-than", "3d"), "--older-than: --older-than needs --status"),
        (("--status", "failed", "--older-than", "old"), "--older-than: 'old' is not a valid age"),
        (("--status", "failed", "--older-than", "9999d"), "is more than ten years"),
    ],
)
def test_words_that_do_not_fit_are_refused(
    words: tuple[str, ...], expected: str, ready: CommandLine
) -> None:
    assert expected in ready.refusal("task", "delete", *words, *REASON, "--yes")
