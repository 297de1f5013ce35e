"""`certroll task create --plan` without an engine: exactly that plan, or the difference."""

from datetime import UTC, datetime

import pytest

from tests.support.command_line import CommandLine
from tests.support.factory import DAY
from tests.support.stack import Stack
from tests.support.stored_examples import mark_vanished

HOSTS = ("a.example.com", "b.example.com")
PLAN_OPTIONS = ("-c", "wild", "--all-matched")
PLAN = ("task", "create", "--plan", "autumn", "--yes")
NO_ENGINE = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}


@pytest.fixture
def ready(stack: Stack) -> CommandLine:
    """A saved plan of two domains, and quota for it."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(2)
    certroll = CommandLine(stack.settings.home, NO_ENGINE)
    certroll("plan", "create", *PLAN_OPTIONS, "--name", "autumn")
    return certroll


def refused(certroll: CommandLine, *more: str) -> dict[str, str]:
    """What differs of each resource; the plan is refused, and no task is left."""
    result = certroll(*PLAN, *more, code=2)
    assert "the plan is outdated" in result.stderr
    assert "--remake" in result.stderr
    assert certroll.json("task", "list") == []
    rows = [line.split("  ") for line in result.stdout.splitlines() if line.startswith("main/")]
    return {row[0].rpartition("/")[2]: " ".join(filter(None, row[1:])) for row in rows}


def test_what_has_not_moved_reaches_the_engine(ready: CommandLine, stack: Stack) -> None:
    stack.seed_domains("c.example.com")  # what merely came up since is no part of the plan
    result = ready(*PLAN, code=4)
    assert f"digest     {stack.store.plans.find('autumn').digest}\n" in result.stdout
    assert "c.example.com" not in result.stdout


def test_a_resource_that_serves_something_else_is_shown(ready: CommandLine, stack: Stack) -> None:
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    assert list(refused(ready)) == [HOSTS[0]]
    result = ready.json(*PLAN, code=2)
    assert [each["kind"] for each in result["differences"]] == ["before"]


def test_a_resource_that_is_gone_is_shown(ready: CommandLine, stack: Stack) -> None:
    mark_vanished(stack.store, "main", "alibaba.cdn", datetime.now(UTC))
    found = refused(ready)
    assert set(found) == set(HOSTS)
    assert "the resource has vanished" in found[HOSTS[0]]


def test_a_certificate_that_was_deleted_or_ends_before_the_task_is_shown(
    ready: CommandLine, stack: Stack
) -> None:
    wild = stack.store.certificates.find("wild")
    late = (datetime.now(UTC) + 300 * DAY).isoformat(timespec="seconds")
    assert "refused" in refused(ready, "--at", late)[HOSTS[0]]
    stack.store.certificates.delete(wild.fingerprint)
    assert "its certificate was deleted" in refused(ready)[HOSTS[0]]


def test_one_that_moved_is_made_anew_on_demand(ready: CommandLine, stack: Stack) -> None:
    stack.rebind(HOSTS[0], stack.ca.leaf(["*.example.com"]))
    stack.seed_domains("c.example.com")
    stack.grant_quota(1)
    former = stack.store.plans.find("autumn").digest
    result = ready(*PLAN, "--remake", code=4)
    assert "1 serves another, 1 added\n" in result.stdout
    assert f"digest     {former}" not in result.stdout
    assert "c.example.com" in result.stdout
    assert [each.digest for each in stack.store.plans.list()] == [former]


def test_without_a_yes_nothing_is_made(ready: CommandLine) -> None:
    result = ready("task", "create", "--plan", "autumn", code=4)
    assert "Temporal does not answer" in result.stderr
    assert ready.json("task", "list") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("--plan", "autumn", *PLAN_OPTIONS),
            "--plan: a saved plan and a selection exclude each other",
        ),
        ((), "neither a plan nor a certificate is given"),
        ((*PLAN_OPTIONS, "--remake"), "--remake: --remake needs --plan"),
        (("--plan", "winter"), "there is no plan 'winter'"),
        (("--plan", "autumn", "--name", " "), "--name: ' ' is not a valid name"),
    ],
)
def test_words_that_do_not_fit_are_refused(
    words: tuple[str, ...], expected: str, ready: CommandLine
) -> None:
    assert expected in ready.refusal("task", "create", *words, "--yes")


def test_a_digest_names_a_saved_plan_too(ready: CommandLine, stack: Stack) -> None:
    digest = stack.store.plans.find("autumn").digest
    ready(*PLAN, "--digest", digest[:12], code=4)
    assert (
        "--digest: the digest of the plan is" in ready(*PLAN, "--digest", "0" * 12, code=2).stderr
    )


def test_a_plan_that_requires_coverage_is_held_to_it(stack: Stack) -> None:
    stack.seed_domains("a.example.com")
    stack.upload("wild", "*.example.com")
    stack.grant_quota(1)
    certroll = CommandLine(stack.settings.home, NO_ENGINE)
    certroll("plan", "create", *PLAN_OPTIONS, "--require-coverage", "--name", "autumn")
    stack.rebind("a.example.com", stack.ca.leaf(["a.example.com", "example.org"]))
    assert "no longer covered: example.org" in refused(certroll)["a.example.com"]
