"""Filters, explanations and estimates on the command line: `plan create` and `task create`."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.resources.resource import DiscoveredResource
from tests.support.command_line import CommandLine
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


def keys(certroll: CommandLine, *words: str, code: int = 0) -> list[str]:
    plan = certroll.json("plan", "create", *words, code=code)
    return [change["resource"]["key"] for change in plan["changes"]]


def test_all_takes_the_certificates_of_the_vault_for_all_that_match(planned: CommandLine) -> None:
    assert keys(planned, "--all") == list(HOSTS[:2])
    assert keys(planned, "--all-matched", "--service", "alibaba.cdn") == list(HOSTS[:2])
    assert keys(planned, "--all", "--service", "alibaba.alb", code=2) == []


def test_each_filter_narrows_and_alone_says_where(planned: CommandLine, stack: Stack) -> None:
    only_a, only_b = [HOSTS[0]], [HOSTS[1]]
    wild = ("-c", "wild")
    assert keys(planned, *wild, "--tag", "env=prod") == only_a
    assert keys(planned, *wild, "--host", "b.*", "--host", "x*") == only_b
    assert keys(planned, *wild, "--issuer", "TEST") == list(HOSTS[:2])
    assert keys(planned, *wild, "--issuer", "nobody", code=2) == []
    assert keys(planned, *wild, "--expiring-before", "in 3650d") == list(HOSTS[:2])
    assert keys(planned, *wild, "--expiring-before", "in 1h", code=2) == []
    former = stack.fingerprints_before[HOSTS[1]] or ""
    assert keys(planned, *wild, "--serving", former) == only_b
    assert keys(planned, *wild, "--serving", former[:12]) == only_b


def test_what_no_filter_can_be_is_refused_in_a_line(planned: CommandLine) -> None:
    words = ("plan", "create", "-c", "wild")
    assert planned.refusal(*words, "--tag", "=x").startswith("--tag: '=x'")
    assert planned.refusal(*words, "--host", "a..b").startswith("--host: 'a..b' is no pattern")
    assert "--issuer" in planned.refusal(*words, "--issuer", " ")
    assert planned.refusal(*words, "--serving", NEW)
    assert planned.refusal(*words, "--expiring-before", "soon")
    told = planned.refusal("plan", "create", "--service", "alibaba.cdn")
    assert told.startswith("--certificate: no certificate is named")
    assert planned.refusal("task", "create", "-c", "wild", "--tag", "=x").startswith("--tag")


def test_explanations_tell_why_and_what_nearly_matched(planned: CommandLine) -> None:
    told = planned.json("plan", "create", "--all")
    assert {change["why"] for change in told["changes"]} == {"the only certificate that covers it"}
    (miss,) = told["near_misses"]
    assert (miss["name"], miss["hosts"]) == ("*.example.com", [HOSTS[2]])
    near = (
        "near miss  *.example.com does not cover deep.c.example.com: "
        "a wildcard stands for exactly one label (1 resource)"
    )
    text = planned("plan", "create", "--all", "--explain", "--name", "kept").stdout
    assert "chosen     wild: the only certificate that covers it; for main/" in text
    assert near in text
    assert near in planned("plan", "show", "kept", "--explain").stdout
    assert "near miss" not in planned("plan", "create", "--all").stdout


def test_the_duration_is_told_by_the_rate_budgets(planned: CommandLine) -> None:
    told = planned.json("plan", "create", "--all")
    assert told["estimate"]["seconds"] == pytest.approx(2 * 3 / 30)
    assert told["estimate"]["at_most"] >= 3
    text = planned("plan", "create", "--all").stdout
    assert "duration   about 1 s at the rate limits of the services" in text


def test_a_saved_plan_of_an_account_that_is_gone_has_no_duration(
    planned: CommandLine, stack: Stack
) -> None:
    planned("plan", "create", "--all", "--name", "kept")
    stack.store.accounts.delete("main")
    assert planned.json("plan", "show", "kept")["estimate"] is None


def test_of_many_resources_to_be_read_it_is_said_how_long_that_takes(
    planned: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.cli.plan.selection.MOST_SILENT", 1)
    result = planned("plan", "create", "--all", "--fresh")
    assert "2 resources must be read again, about 1 s by the calls per second" in result.stderr
    assert "must be read again" not in planned("plan", "create", "--all").stderr


def test_how_old_is_what_a_plan_knows_is_told_with_it_and_kept(
    planned: CommandLine, stack: Stack
) -> None:
    first = stack.store.inventory.list()[0]
    seen = datetime.now(UTC) - timedelta(hours=3)
    stack.store.inventory.save_binding(first.resource.id, first.binding, seen)
    text = planned("plan", "create", "--all", "--name", "kept").stdout
    assert "(3 h ago); each resource is read again before it is changed\n" in text
    assert "(3 h ago)" in planned("plan", "show", "kept").stdout
    assert planned.json("plan", "show", "kept")["as_of"] == seen.isoformat().replace("+00:00", "Z")
    assert "(0 min ago)" in planned("plan", "create", "--all", "--fresh").stdout
