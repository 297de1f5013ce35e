"""Findings of preflight checks are shown with a plan and on demand; a refusal is exit code 2."""

import pytest
from temporalio.client import Client

from domain.preflight.checks import CheckPolicy
from tests.support.command_line import CommandLine, list_lines
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


def break_key(stack: Stack) -> None:
    """Puts the key of another certificate into the vault for `new`."""
    new = stack.store.certificates.find("new")
    swap_keys(stack, new, stack.upload("other", HOST))


def test_a_preview_shows_each_finding_and_how_to_fix_it(stack: Stack, line: CommandLine) -> None:
    (trust,) = (each for each in line.json(*PLAN)["findings"] if each["check"] == "C06")
    assert (trust["code"], trust["subject"]) == ("trust", "new")
    text = line(*PLAN).stdout
    (shown,) = (each for each in list_lines(text, "check") if "C06" in each)
    assert shown.startswith("C06 ")
    assert shown.endswith(f": new: {trust['what']}. {trust['fix']}")
    assert list_lines(text, "refused") == []
    break_key(stack)
    (refused,) = list_lines(line(*PLAN).stdout, "refused")
    assert refused.startswith("C03 ")
    findings = line.json(*PLAN)["findings"]
    assert [(each["check"], each["code"], each["refused"]) for each in findings] == [
        ("C03", "key", True),
        ("C06", "trust", False),
        ("C12", "not-managed", False),
    ]


def test_a_task_that_a_check_refuses_is_not_created(stack: Stack, line: CommandLine) -> None:
    break_key(stack)
    (refused,) = list_lines(line(*CREATE, code=2).stdout, "refused")
    assert refused.startswith("C03 ")
    error = line.error(*CREATE)
    assert error["code"] == "check-refused"
    assert "--check C03=warn" in error["fix"]
    assert stack.store.tasks.list() == []
    findings = line.json(*CREATE, code=2)["findings"]
    assert findings[0]["check"] == "C03"
    assert findings[0]["fix"]


def test_the_check_policies_of_a_command_are_saved_with_its_task(
    stack: Stack, line: CommandLine
) -> None:
    break_key(stack)
    created = line.json(*CREATE, "--at", "in 2h", "--check", "C03=warn,c12=off")
    assert [each["check"] for each in created["findings"]] == ["C03", "C06"]
    (record,) = stack.store.tasks.list()
    assert record.checks == {"C03": CheckPolicy.WARN, "C12": CheckPolicy.OFF}
    found = line.json("task", "check", record.id)
    assert [each["check"] for each in found["findings"]] == ["C03", "C06"]
    line("task", "check", record.id, "--check", "C03=refuse", code=2)


def test_the_environment_sets_trust_profile_and_policies_of_all_plans(
    stack: Stack, line: CommandLine
) -> None:
    plan = line.json(*PLAN)["saved"]["id"]
    line("plan", "check", plan)
    trust = {"CERTROLL_TRUST": "certifi"}
    findings = line.json("plan", "check", plan, code=2, env=trust)["findings"]
    assert [each["check"] for each in findings if each["refused"]] == ["C06"]
    (refused,) = list_lines(line("plan", "check", plan, code=2, env=trust).stdout, "refused")
    assert refused.startswith("C06 ")
    quiet = {"CERTROLL_CHECKS": "C06=off,C12=off"}
    assert line.json("plan", "check", plan, env=quiet)["findings"] == []
    assert len(line("plan", "check", plan, env=quiet).stdout.splitlines()) == 1
    error = line.error("plan", "check", plan, env={"CERTROLL_CHECKS": "C99=off"})
    assert (error["code"], error["where"]) == ("invalid-check-policy", "CERTROLL_CHECKS")


def test_an_invalid_check_policy_is_refused(stack: Stack, line: CommandLine) -> None:
    error = line.error(*CREATE, "--check", "C03=perhaps")
    assert (error["code"], error["where"]) == ("invalid-check-policy", "--check")
    assert stack.store.tasks.list() == []


def test_a_certificate_with_too_little_time_left_is_a_finding(
    stack: Stack, line: CommandLine
) -> None:
    days = (stack.store.certificates.find("new").not_after - NOW).days
    validity = {"CERTROLL_LEAST_VALIDITY": f"{days + 1}d"}
    findings = line.json(*PLAN, env=validity)["findings"]
    (finding,) = (each for each in findings if each["check"] == "C02")
    assert (finding["code"], finding["subject"]) == ("time-left", "new")
    text = line(*PLAN, env=validity).stdout
    assert len([each for each in list_lines(text, "check") if each.startswith("C02 ")]) == 1
    assert "C02" not in line(*PLAN).stdout
