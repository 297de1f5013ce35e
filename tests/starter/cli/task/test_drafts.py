"""Drafts without an engine: kept, edited, shown, deleted, and not begun."""

from datetime import UTC, datetime

import pytest

from domain.tasks.status import TaskStatus
from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.starter_examples import store_task

HOSTS = ("a.example.com", "b.example.com")
PLAN_OPTIONS = ("-c", "wild", "--all-matched")
NO_ENGINE = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}


@pytest.fixture
def ready(stack: Stack) -> CommandLine:
    """A draft named autumn, without quota for it."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    certroll = CommandLine(stack.settings.home, NO_ENGINE)
    for name in ("ops", "web"):
        certroll("contact", "add", name, "--mail", f"{name}@example.com")
    certroll("task", "create", *PLAN_OPTIONS, "--draft", "--name", "autumn", "--contact", "ops")
    return certroll


def test_a_draft_reserves_nothing_and_begins_nothing(ready: CommandLine, stack: Stack) -> None:
    (draft,) = stack.store.tasks.list()
    assert (draft.status, draft.tally.pending, draft.cost) == (TaskStatus.DRAFT, 2, 2)
    assert stack.store.quota.list_entries(draft.id) == []
    assert "  draft  " in ready("task", "list").stdout
    text = ready("task", "show", "autumn").stdout
    assert "status          draft\n" in text
    assert "alibaba.cdn: 2 pending\n" in text
    result = ready("task", "create", *PLAN_OPTIONS, "--draft", "--name", "winter").stdout
    winter = ready.json("task", "list")[0]["id"]
    assert result.endswith(
        f"draft   {winter}\nchange  certroll task edit {winter} ...\n"
        f"start   certroll task submit {winter}\n"
    )


def test_an_edit_shows_what_changes_and_leaves_the_rest(ready: CommandLine, stack: Stack) -> None:
    words = ("--name", "winter", "--contact", "web", "--contact", "ops", "--by", "me")
    times = ("--at", "2027-02-03T04:05Z", "--rollback-days", "7")
    text = ready("task", "edit", "autumn", *words, *times).stdout
    assert "name           autumn -> winter\n" in text
    assert "contacts       ops -> web, ops\n" in text
    assert "rollback days  30 -> 7\n" in text
    assert "-> 2027-02-03T04:05:00" in text
    assert "concurrency" not in text
    draft = stack.store.tasks.find("winter")
    assert draft.contacts == ("web", "ops")
    assert draft.draft is not None
    assert draft.draft.rollback_days == 7
    result = ready.json("task", "edit", "winter", "--concurrency", "3", "--no-contacts")
    assert [each["what"] for each in result["changes"]] == ["contacts", "concurrency"]
    assert stack.store.tasks.find("winter").concurrency == 3
    assert ready("task", "edit", "winter", "--concurrency", "3").stdout == "Nothing has changed.\n"
    edits = [each for each in stack.store.tasks.list_events(draft.id) if each.code == "edited"]
    assert (len(edits), edits[0].by) == (2, "me")
    assert "name: autumn -> winter" in edits[0].text


def test_it_gets_another_plan(ready: CommandLine, stack: Stack) -> None:
    text = ready("task", "edit", "autumn", "-c", "wild", "--resource", HOSTS[0]).stdout
    assert "(2 changes, quota 2) -> " in text
    assert stack.store.tasks.find("autumn").tally.total == 1
    saved = ready.json("plan", "create", *PLAN_OPTIONS, "--name", "both")["saved"]
    text = ready("task", "edit", "autumn", "--plan", "both").stdout
    assert f"saved plan  none -> {saved['id']}\n" in text
    draft = stack.store.tasks.find("autumn")
    assert (draft.digest, draft.plan_id) == (saved["digest"], saved["id"])
    assert stack.store.tasks.get_plan(draft.id).digest == saved["digest"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--name", ""), "--name: '' is not a valid name"),
        (("--contact", "nobody"), "there is no contact 'nobody'"),
        (("--contact", "ops", "--contact", "ops"), "a contact is named twice"),
        (
            ("--contact", "ops", "--no-contacts"),
            "--no-contacts: --contact and --no-contacts exclude",
        ),
        (("--at", "soon"), "'soon' cannot be read"),
        (("--plan", "x"), "there is no plan 'x'"),
        (("--plan", "x", *PLAN_OPTIONS), "--plan: a saved plan and a selection exclude"),
        (("--name", "taken"), "a task named 'taken'"),
    ],
)
def test_edits_that_make_no_sense_change_nothing(
    words: tuple[str, ...], expected: str, ready: CommandLine, stack: Stack
) -> None:
    ready("task", "create", *PLAN_OPTIONS, "--draft", "--name", "taken")
    before = stack.store.tasks.find("autumn")
    assert expected in ready.refusal("task", "edit", "autumn", *words)
    assert stack.store.tasks.find("autumn") == before


def test_submitting_checks_quota_and_what_has_moved(ready: CommandLine, stack: Stack) -> None:
    result = ready("task", "submit", "autumn", "--yes", code=2)
    assert "the task needs 2 deployments of quota, 0 are left" in result.stderr
    stack.grant_quota(2)
    result = ready("task", "submit", "autumn", "--yes", code=4)
    assert "Temporal does not answer" in result.stderr
    assert f"digest     {stack.store.tasks.find('autumn').digest}" in result.stdout
    stack.rebind(HOSTS[1], stack.ca.leaf(["*.example.com"]))
    result = ready("task", "submit", "autumn", "--yes", code=2)
    assert "the plan is outdated: 1 of its resources differ now" in result.stderr
    assert f"main/alibaba.cdn/{HOSTS[1]}  serves another  " in result.stdout
    result = ready("task", "submit", "autumn", "--remake", "--yes", code=4)
    assert "1 serves another\n" in result.stdout
    assert stack.store.tasks.find("autumn").status is TaskStatus.DRAFT


def test_what_is_no_draft_says_what_to_do_instead(certroll: CommandLine) -> None:
    record = store_task(certroll)
    for words in (("edit", "autumn", "--name", "x"), ("submit", "autumn", "--yes")):
        result = certroll.refusal("task", *words)
        assert (
            f"task {record.id}: the task is partially failed, only a draft can be edited" in result
        )
        assert "certroll task create" in result


def test_watching_a_draft_would_wait_for_nothing(ready: CommandLine) -> None:
    assert ready.error("task", "watch", "autumn")["code"] == "task-is-draft"


def test_a_draft_is_deleted_without_an_engine(ready: CommandLine, stack: Stack) -> None:
    result = ready("task", "delete", "autumn", "--reason", "over", "--yes")
    assert "autumn: a draft, nothing has started" in result.stderr
    assert stack.store.tasks.list() == []
    (gone,) = stack.store.tasks.list(include_deleted=True)
    output = [(each.code, each.text) for each in stack.store.tasks.list_events(gone.id)]
    assert output[-1] == ("deleted", "over")
    assert gone.deleted_at is not None
    assert gone.deleted_at <= datetime.now(UTC)
    assert ready.error("task", "submit", gone.id)["code"] == "task-deleted"
