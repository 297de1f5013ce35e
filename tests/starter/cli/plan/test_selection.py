"""Filters, explanations and estimates on the command line: `plan create` and `task create`."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.resources.resource import DiscoveredResource
from tests.support.command_line import CommandLine, list_lines, list_numbers
from tests.support.stack import Stack
from tests.support.stored_examples import NEW

HOSTS = ("a.example.com", "b.example.com", "deep.c.example.com")


@pytest.fixture
def planned(stack: Stack) -> CommandLine:
    """Three domains, the first tagged, and a certificate of the vault that covers two of them."""
    stack.seed_domains(*HOSTS)
    tagged = stack.store.inventory.get("main/alibaba.cdn/a.example.com").resource
    found = DiscoveredResource(resource=tagged, tags={"env": "prod"})
    stack.store.inventory.upsert([found], datetime.now(UTC))
    stack.upload("wild", "*.example.com", not_after=datetime.now(UTC) + timedelta(days=300))
    stack.grant_quota(5)
    return CommandLine(stack.settings.home)


def list_keys(certroll: CommandLine, *words: str, code: int = 0) -> list[str]:
    plan = certroll.json("plan", "create", *words, code=code)
    return [change["resource"]["key"] for change in plan["changes"]]


def test_all_chooses_certificates_of_the_vault_for_all_matching_resources(
    planned: CommandLine,
) -> None:
    assert list_keys(planned, "--all") == list(HOSTS[:2])
    assert list_keys(planned, "--all-matched", "--service", "alibaba.cdn") == list(HOSTS[:2])
    assert list_keys(planned, "--all", "--service", "alibaba.alb", code=2) == []


def test_each_filter_narrows_the_plan_and_may_be_its_only_target(
    planned: CommandLine, stack: Stack
) -> None:
    only_a, only_b = [HOSTS[0]], [HOSTS[1]]
    wild = ("-c", "wild")
    assert list_keys(planned, *wild, "--tag", "env=prod") == only_a
    assert list_keys(planned, *wild, "--host", "b.*", "--host", "x*") == only_b
    assert list_keys(planned, *wild, "--issuer", "TEST") == list(HOSTS[:2])
    assert list_keys(planned, *wild, "--issuer", "nobody", code=2) == []
    assert list_keys(planned, *wild, "--expiring-before", "in 3650d") == list(HOSTS[:2])
    assert list_keys(planned, *wild, "--expiring-before", "in 1h", code=2) == []
    former = stack.fingerprints_before[HOSTS[1]] or ""
    assert list_keys(planned, *wild, "--serving", former) == only_b
    assert list_keys(planned, *wild, "--serving", former[:12]) == only_b


@pytest.mark.parametrize(
    ("words", "code", "where"),
    [
        (("-c", "wild", "--tag", "=x"), "invalid-tag", "--tag"),
        (("-c", "wild", "--host", "a..b"), "invalid-pattern", "--host"),
        (("-c", "wild", "--issuer", " "), "invalid-issuer", "--issuer"),
        (("-c", "wild", "--serving", NEW), "unknown-certificate", None),
        (("-c", "wild", "--expiring-before", "soon"), "invalid-time", "time"),
        (("--service", "alibaba.cdn"), "no-certificate", "--certificate"),
    ],
)
def test_an_invalid_selection_is_refused(
    planned: CommandLine, words: tuple[str, ...], code: str, where: str | None
) -> None:
    for noun in ("plan", "task"):
        error = planned.error(noun, "create", *words)
        assert (error["code"], error["where"]) == (code, where)


def test_explain_shows_why_a_certificate_was_chosen_and_the_near_misses(
    planned: CommandLine,
) -> None:
    plan = planned.json("plan", "create", "--all")
    (why,) = {change["why"] for change in plan["changes"]}
    (miss,) = plan["near_misses"]
    assert (miss["name"], miss["hosts"]) == ("*.example.com", [HOSTS[2]])
    text = planned("plan", "create", "--all", "--explain", "--name", "saved").stdout
    resources = ", ".join(f"main/alibaba.cdn/{host}" for host in HOSTS[:2])
    assert list_lines(text, "chosen") == [f"wild: {why}; for {resources}"]
    (near,) = list_lines(text, "near miss")
    assert near.startswith(miss["name"])
    assert HOSTS[2] in near
    assert list_numbers(near) == [1]
    assert list_lines(planned("plan", "show", "saved", "--explain").stdout, "near miss") == [near]
    short = planned("plan", "create", "--all").stdout
    assert list_lines(short, "near miss") == list_lines(short, "chosen") == []


def test_the_duration_is_estimated_from_the_rate_limits(planned: CommandLine) -> None:
    estimate = planned.json("plan", "create", "--all")["estimate"]
    assert estimate["seconds"] == pytest.approx(2 * 3 / 30)
    assert estimate["at_most"] >= 3
    (duration,) = list_lines(planned("plan", "create", "--all").stdout, "duration")
    assert list_numbers(duration)[0] == 1


def test_a_saved_plan_of_an_account_that_is_gone_has_no_duration(
    planned: CommandLine, stack: Stack
) -> None:
    planned("plan", "create", "--all", "--name", "saved")
    stack.store.accounts.delete("main")
    assert planned.json("plan", "show", "saved")["estimate"] is None


def test_a_long_read_of_resources_is_announced_with_its_duration(
    planned: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.cli.plan.selection.MAX_SILENT_READS", 1)
    (announced,) = list_lines(planned("plan", "create", "--all", "--fresh").stderr, "2 resources")
    assert list_numbers(announced) == [1]
    assert list_lines(planned("plan", "create", "--all").stderr, "2 resources") == []


def test_the_age_of_the_inventory_data_is_shown_and_saved_with_a_plan(
    planned: CommandLine, stack: Stack
) -> None:
    first = stack.store.inventory.list()[0]
    seen = datetime.now(UTC) - timedelta(hours=3)
    stack.store.inventory.save_binding(first.resource.id, first.binding, seen)
    (as_of,) = list_lines(planned("plan", "create", "--all", "--name", "saved").stdout, "as of")
    assert "(3 h ago)" in as_of
    assert list_lines(planned("plan", "show", "saved").stdout, "as of") == [as_of]
    assert planned.json("plan", "show", "saved")["as_of"] == seen.isoformat().replace("+00:00", "Z")
    assert "(0 min ago)" in planned("plan", "create", "--all", "--fresh").stdout
