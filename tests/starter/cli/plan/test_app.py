"""`certroll plan create` shows what a person decides by, and changes nothing at the provider."""

import pytest

from tests.support.command_line import CommandLine, list_lines, list_numbers
from tests.support.stack import Stack
from tests.support.starter_examples import store_account, store_certificate, store_resources

CDN = "main/alibaba.cdn/"
HOSTS = ("a.example.com", "b.example.com", "c.shop.example.com")


@pytest.fixture
def planned(stack: Stack) -> CommandLine:
    """Three domains, one without HTTPS, and one certificate that covers two of the first."""
    stack.seed_domains(*HOSTS)
    stack.seed_domains("plain.example.com", https=False)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(5)
    return CommandLine(stack.settings.home)


def test_a_plan_shows_changes_matches_refusals_cost_and_digest(
    planned: CommandLine, stack: Stack
) -> None:
    plan = planned.json("plan", "create", "--certificate", "wild", "--all-matched")
    wild = stack.store.certificates.find("wild")
    assert [change["resource"]["key"] for change in plan["changes"]] == list(HOSTS[:2])
    before = [change["before"]["fingerprint"] for change in plan["changes"]]
    assert before == [stack.fingerprints_before[host] for host in HOSTS[:2]]
    assert plan["matches"] == {wild.fingerprint: 2}
    assert (plan["cost"], plan["balance"], len(plan["digest"])) == (2, 5, 64)
    assert [refusal["code"] for refusal in plan["refusals"]] == ["first-deployment"]
    text = planned("plan", "create", "-c", wild.fingerprint, "--service", "alibaba.cdn").stdout
    for host in HOSTS[:2]:
        (row,) = list_lines(text, f"{CDN}{host}")
        served, _, *after = row.split()
        assert served == (stack.fingerprints_before[host] or "")[:12]
        assert after == [wild.short_fingerprint, f"{wild.not_after:%Y-%m-%d}", "yes", "1"]
    (total,) = list_lines(text, f"wild ({wild.short_fingerprint}):")
    assert list_numbers(total) == [2, 2]
    assert [list_numbers(each) for each in list_lines(text, "alibaba.cdn:")] == [[2, 2]]
    (refused,) = list_lines(text, f"{CDN}plain.example.com")
    assert refused.split()[0] == "first-deployment"
    assert [list_numbers(each) for each in list_lines(text, "quota")] == [[2, 5]]
    assert list_lines(text, "digest") == [plan["digest"]]


def test_a_preview_changes_nothing(planned: CommandLine, stack: Stack) -> None:
    states = stack.cloud.list_resources()
    planned("plan", "create", "-c", "wild", "--all-matched")
    assert stack.cloud.list_resources() == states
    called = {name.partition(".")[2] for name in stack.cloud.count_calls()}
    assert not {name for name in called if name.startswith(("Set", "Upload", "Delete"))}
    assert (stack.store.tasks.list(), stack.store.quota.get_balance()) == ([], 5)


def test_a_named_resource_may_be_switched_on_and_another_is_refused_with_the_reason(
    planned: CommandLine,
) -> None:
    words = ("plan", "create", "-c", "wild", "--resource")
    (change,) = planned.json(*words, "plain.example.com")["changes"]
    assert (change["resource"]["key"], change["before"]) == ("plain.example.com", None)
    assert "HTTPS off" in planned(*words, "plain.example.com").stdout
    other = f"{CDN}{HOSTS[2]}"
    (refusal,) = planned.json(*words, other, code=2)["refusals"]
    assert (refusal["subject"], refusal["code"]) == (other, "names")
    (row,) = list_lines(planned(*words, other, code=2).stdout, other)
    assert row.split(maxsplit=1) == [refusal["code"], refusal["reason"]]
    error = planned.error(*words, other)
    assert (error["code"], error["where"]) == ("all-refused", "plan")


def test_a_named_service_narrows_all_matched(planned: CommandLine) -> None:
    words = ("plan", "create", "-c", "wild", "--all-matched", "--service", "alibaba.cas")
    assert planned.json(*words, code=2)["changes"] == []


def test_a_resource_that_already_serves_the_certificate_is_listed_as_unchanged(
    planned: CommandLine, stack: Stack
) -> None:
    wild = stack.ca.leaf(["*.example.com"])
    stack.rebind("a.example.com", wild)
    files = stack.settings.home / "a.pem", stack.settings.home / "k.pem"
    files[0].write_bytes(wild.pem)
    files[1].write_bytes(wild.key_pem)
    words = ("--certificate", str(files[0]), "--key", str(files[1]))
    planned("certificate", "upload", "second", *words)
    preview = ("plan", "create", "-c", "second", "--all-matched", "--fresh")
    assert planned.json(*preview)["unchanged"] == [f"{CDN}a.example.com"]
    text = planned(*preview).stdout
    (unchanged,) = list_lines(text, "unchanged")
    assert unchanged.endswith(f": {CDN}a.example.com")
    second = stack.store.certificates.find("second")
    (total,) = list_lines(text, f"second ({second.short_fingerprint}):")
    assert list_numbers(total) == [1, 1]


def test_a_lost_name_is_a_warning_and_with_require_coverage_a_refusal(
    planned: CommandLine, stack: Stack
) -> None:
    stack.rebind("a.example.com", stack.ca.leaf(["a.example.com", "example.com", "example.org"]))
    words = ("plan", "create", "-c", "wild", "--all-matched", "--fresh")
    changes = {each["resource"]["key"]: each for each in planned.json(*words)["changes"]}
    change = changes["a.example.com"]
    assert change["names_lost"] == ["example.com", "example.org"]
    assert [each["code"] for each in change["warnings"]] == ["names-lost"]
    assert changes["b.example.com"]["warnings"] == []
    (warning,) = list_lines(planned(*words).stdout, "warning")
    assert warning == f"{change['warnings'][0]['text']}; for {CDN}a.example.com"
    plan = planned.json(*words, "--require-coverage")
    assert [each["resource"]["key"] for each in plan["changes"]] == ["b.example.com"]
    refused = {each["subject"]: each for each in plan["refusals"]}
    refusal = refused[f"{CDN}a.example.com"]
    assert refusal["code"] == "coverage"
    assert all(name in refusal["reason"] for name in change["names_lost"])


@pytest.mark.parametrize(
    ("words", "code", "where"),
    [
        (("-c", "main"), "no-target", None),
        (("-c", "mainn", "--all-matched"), "unknown-certificate", None),
        (("-c", "main", "--all-matched", "--account", "x"), "unknown-account", None),
        (("-c", "main", "--all-matched", "--service", "x"), "unknown-service", None),
        (("-c", "main", "--resource", "x"), "unknown-resource", "--resource"),
    ],
)
def test_wrong_options_are_refused(
    certroll: CommandLine, words: tuple[str, ...], code: str, where: str | None
) -> None:
    store_account(certroll)
    store_resources(certroll)
    store_certificate(certroll)
    error = certroll.error("plan", "create", *words)
    assert (error["code"], error["where"]) == (code, where)


def test_a_provider_that_does_not_answer_becomes_a_refusal_of_each_resource(
    certroll: CommandLine,
) -> None:
    store_account(certroll)
    store_resources(certroll)
    store_certificate(certroll)
    plan = certroll.json("plan", "create", "-c", "main", "--all-matched", code=2)
    # The listing has just shown that one of the three has no HTTPS: that one is not read again.
    unread = [each["reason"] for each in plan["refusals"] if each["code"] == "unread"]
    assert ["ConnectionLost" in reason for reason in unread] == [True, True]
