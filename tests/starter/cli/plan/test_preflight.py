"""What the checks find is shown before the question, on demand, and ends a command with 2."""

import pytest
from temporalio.client import Client

from domain.preflight.checks import CheckPolicy
from tests.support.command_line import CommandLine
from tests.support.factory import NOW
from tests.support.preflight_runs import swap_keys
from tests.support.stack import Stack

HOST = "a.example.com"
PLAN = ("plan", "create", "-c", "new", "--all-matched")
CREATE = ("task", "create", "-c", "new", "--all-matched", "--name", "autumn", "--yes")


@pytest.fixture
def line(stack: Stack, engine: Client) -> CommandLine:
    """The command line of a stack with one domain, a certificate for it, and quota."""
    stack.seed_domains(HOST)
    stack.upload("new", HOST)
    stack.grant_quota(5)
    address = engine.service_client.config.target_host
    return CommandLine(stack.settings.home, {"CERTROLL_TEMPORAL_ADDRESS": address})


def broken(stack: Stack) -> None:
    """The vault keeps the key of another certificate for `new`."""
    new = stack.store.certificates.find("new")
    swap_keys(stack, new, stack.upload("other", HOST))


def test_a_preview_tells_what_the_checks_find_and_what_to_do(
    stack: Stack, line: CommandLine
) -> None:
    told = line(*PLAN).stdout
    (trust,) = (row for row in told.splitlines() if "C06" in row)
    assert trust.startswith("check      C06 trust: new: its chain builds to no root of 'certifi'")
    assert trust.endswith("name the profile of your clients.")
    assert "refused    C" not in told
    broken(stack)
    assert "refused    C03 key: new: " in line(*PLAN).stdout
    findings = line.json(*PLAN)["findings"]
    assert [(each["check"], each["refused"]) for each in findings] == [
        ("C03", True),
        ("C06", False),
        ("C12", False),
    ]


def test_a_task_that_a_check_refuses_is_not_created(stack: Stack, line: CommandLine) -> None:
    broken(stack)
    told = line(*CREATE, code=2)
    assert "refused    C03 key: new: " in told.stdout
    assert "C03 refused" in told.stderr
    assert "--check C03=warn" in told.stderr
    assert stack.store.tasks.list() == []
    findings = line.json(*CREATE, code=2)["findings"]
    assert findings[0]["check"] == "C03"
    assert findings[0]["fix"]


def test_what_a_command_says_of_a_check_goes_with_its_task(stack: Stack, line: CommandLine) -> None:
    broken(stack)
    told = line.json(*CREATE, "--at", "in 2h", "--check", "C03=warn,c12=off")
    assert [each["check"] for each in told["findings"]] == ["C03", "C06"]
    (record,) = stack.store.tasks.list()
    assert record.checks == {"C03": CheckPolicy.WARN, "C12": CheckPolicy.OFF}
    found = line.json("task", "check", record.id)
    assert [each["check"] for each in found["findings"]] == ["C03", "C06"]
    line("task", "check", record.id, "--check", "C03=refuse", code=2)


def test_the_environment_says_what_holds_for_all(stack: Stack, line: CommandLine) -> None:
    plan = line.json(*PLAN)["saved"]["id"]
    line("plan", "check", plan)
    told = line("plan", "check", plan, code=2, env={"CERTROLL_TRUST": "certifi"})
    assert "refused    C06" in told.stdout
    quiet = {"CERTROLL_CHECKS": "C06=off,C12=off"}
    assert line("plan", "check", plan, env=quiet).stdout == "Nothing was found.\n"
    refusal = line.refusal("plan", "check", plan, env={"CERTROLL_CHECKS": "C99=off"})
    assert refusal.startswith("CERTROLL_CHECKS: 'C99=off' is no policy of a check")


def test_a_word_that_is_no_policy_changes_nothing(stack: Stack, line: CommandLine) -> None:
    assert line.refusal(*CREATE, "--check", "C03=perhaps").startswith("--check: 'C03=perhaps'")
    assert stack.store.tasks.list() == []


def test_a_certificate_that_ends_before_the_tasks_time_is_seen_at_creation(
    stack: Stack, line: CommandLine
) -> None:
    days = (stack.store.certificates.find("new").not_after - NOW).days
    told = line(*PLAN[:1], "create", *PLAN[2:], env={"CERTROLL_LEAST_VALIDITY": f"{days + 1}d"})
    assert "check      C02 time left: new: ends on" in told.stdout
