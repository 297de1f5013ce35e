"""`certroll task` without an engine: what is refused before anything starts, what is shown."""

import pytest

from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.starter_examples import (
    store_account,
    store_certificate,
    store_resources,
    store_task,
)

CREATE = ("task", "create", "-c", "wild", "--all-matched")
NO_ENGINE = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}


@pytest.fixture
def ready(stack: Stack) -> CommandLine:
    """One domain, a certificate that fits it, and quota for it."""
    stack.seed_domains("a.example.com")
    stack.upload("wild", "*.example.com")
    stack.grant_quota(1)
    return CommandLine(stack.settings.home, NO_ENGINE)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--at", "tomorrow"), "time: 'tomorrow' cannot be read"),
        (
            ("--name", " "),
            "--name: ' ' is not a valid name for a plan or a task.",
        ),
        (("--name", "x" * 81), "is not a valid name for"),
        (("--name", "a\x1bb"), "is not a valid name for"),
        (("--contact", "a", "--contact", "a"), "--contact: a contact is named twice"),
        (("--contact", "nobody"), "there is no contact 'nobody'"),
        (tuple(f"--contact=c{n}" for n in range(11)), "--contact: 11 contacts are named"),
        (("--by", ""), "--by: the text has 0 characters. Give 1 to 200 characters."),
        (("--rollback-days", "366"), "Invalid value for '--rollback-days'"),
        (("--concurrency", "0"), "Invalid value for '--concurrency'"),
        (("--account", "x"), "there is no account 'x'"),
    ],
)
def test_wrong_words_are_refused_before_any_cloud_is_asked(
    words: tuple[str, ...], expected: str, certroll: CommandLine
) -> None:
    store_account(certroll)
    store_certificate(certroll, "wild")
    store_resources(certroll)
    assert expected in certroll.refusal(*CREATE, *words, "--yes")
    assert certroll.json("task", "list") == []


def test_a_plan_that_is_not_the_previewed_one_is_refused(ready: CommandLine, stack: Stack) -> None:
    digest = ready.json("plan", "create", "-c", "wild", "--all-matched")["digest"]
    stack.seed_domains("b.example.com")
    stack.grant_quota(1)
    for given in (digest, digest[:12], "", "x"):
        error = ready.error(*CREATE, "--digest", given, "--yes")
        assert error["where"] == "--digest"
        assert repr(given) in error["what"]
        assert "certroll plan create" in error["fix"]
    assert ready.json("task", "list") == []


def test_too_little_quota_is_shown_before_the_question(ready: CommandLine, stack: Stack) -> None:
    stack.seed_domains("b.example.com")
    result = ready(*CREATE, code=2)
    assert "the task needs 2 deployments of quota, 1 are left" in result.stderr


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59Z", "1999-12-31T00:00:00Z"])
def test_a_time_that_no_timer_takes_is_refused(ready: CommandLine, at: str) -> None:
    assert ready.error(*CREATE, "--at", at, "--yes")["code"] == "time-out-of-range"
    assert ready.json("task", "list") == []


def test_a_task_that_would_change_nothing_is_refused(ready: CommandLine) -> None:
    result = ready("task", "create", "-c", "wild", "--service", "alibaba.cas", "--yes", code=2)
    assert "no resource would be changed" in result.stderr


def test_without_an_engine_nothing_is_created(ready: CommandLine, stack: Stack) -> None:
    result = ready(*CREATE, "--yes", code=4)
    assert "Temporal does not answer at 127.0.0.1:1" in result.stderr
    assert "digest     " in result.stdout
    assert (stack.store.tasks.list(), stack.store.quota.get_balance()) == ([], 1)


def test_tasks_are_listed(certroll: CommandLine) -> None:
    record = store_task(certroll)
    row = certroll("task", "list").stdout.splitlines()[1]
    assert row.startswith(f"{record.id}  autumn  partially failed  ")
    assert row.endswith("  1/2       1       tester")
    assert [each["id"] for each in certroll.json("task", "list")] == [record.id]
    assert certroll.json("task", "list", "--status", "succeeded") == []
    assert len(certroll.json("task", "list", "--status", "partially_failed")) == 1
    result = certroll.refusal("task", "list", "--status", "fine")
    assert "there is no status 'fine'. Use draft, scheduled" in result


def test_deleted_tasks_are_listed_only_when_asked_for(certroll: CommandLine) -> None:
    record = store_task(certroll)
    with certroll.store() as store:
        store.tasks.delete(record.id, "tester", "over", record.at)
    assert "No tasks yet" in certroll("task", "list").stderr
    assert "  deleted  " in certroll("task", "list", "--deleted").stdout


def test_one_is_shown_with_outcomes_by_service_causes_and_audit(certroll: CommandLine) -> None:
    record = store_task(certroll)
    text = certroll("task", "show", "autumn").stdout
    facts, first, second, audit = text.split("\n\n")
    assert "status          partially failed" in facts
    assert f"certificates    main ({record.certificates[0][:12]})" in facts
    assert "(UTC+" in facts or "(UTC-" in facts
    assert first.splitlines()[0] == "alibaba.cdn: 1 deployed"
    assert first.splitlines()[2] == "main/alibaba.cdn/a.example.com  deployed  1"
    assert second.splitlines()[0] == "alibaba.dcdn: 1 failed"
    assert second.splitlines()[2] == (
        "main/alibaba.dcdn/b.example.com  failed   3         "
        "IllegalOperation: the domain is locked. Unlock it."
    )
    assert audit.splitlines()[1].endswith("created  tester  for the test")
    result = certroll.json("task", "show", record.id)
    assert [each["status"] for each in result["outcomes"]] == ["deployed", "failed"]
    assert [each["code"] for each in result["events"]] == ["created"]
    assert result["quota"] == []


def test_watching_one_that_has_ended_ends_at_once(certroll: CommandLine) -> None:
    record = store_task(certroll)
    result = certroll("task", "watch", "autumn", code=5)
    assert result.stdout.endswith("autumn: partially failed (1 deployed, 1 failed)\n")
    assert "the domain is locked" in result.stdout
    assert result.stderr.splitlines()[-1].endswith(f": certroll task show {record.id}")
    output = certroll.json("task", "watch", "autumn", code=5)
    assert (output["id"], output["status"]) == (record.id, "partially_failed")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cancel", "autumn", "--reason", ""), "--reason: the text has 0 characters"),
        (("cancel", "autumn", "--reason", "x" * 1001), "Give 1 to 1000 characters."),
        (("cancel", "spring", "--reason", "x"), "there is no task 'spring'"),
        (("reschedule", "autumn", "--at", "soon"), "'soon' cannot be read"),
        (("reschedule", "autumn", "--at", "now"), "--yes: this needs confirmation"),
        (("rollback", "autumn", "--reason", "x"), "--yes: this needs confirmation"),
        (
            ("rollback", "autumn", "--reason", "x", "--resource", "z", "--yes"),
            "--resource: the task has no resource z",
        ),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    words: tuple[str, ...], expected: str, certroll: CommandLine
) -> None:
    store_task(certroll)
    assert expected in certroll.refusal("task", *words)
