"""`certroll plan create`: everything that a person decides by, and nothing touched."""

import pytest

from domain.certificates.certificate import Certificate
from domain.plans.plan import Change, Plan, Total, build_binding
from domain.resources.resource import Binding
from starter.cli.plan.show import plan_to_json, show_plan
from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.starter_examples import (
    resource,
    store_account,
    store_certificate,
    store_resources,
)

HOSTS = ("a.example.com", "b.example.com", "c.shop.example.com")


@pytest.fixture
def planned(stack: Stack) -> CommandLine:
    """Three domains, one without HTTPS, and one certificate that covers two of the first."""
    stack.seed_domains(*HOSTS)
    stack.seed_domains("plain.example.com", https=False)
    stack.upload("wild", "*.example.com")
    stack.grant_quota(5)
    return CommandLine(stack.settings.home)


def test_changes_matches_refusals_cost_and_digest_are_told(
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
        line = next(line for line in text.splitlines() if host in line)
        assert [
            (stack.fingerprints_before[host] or "")[:12],
            wild.short_fingerprint,
        ] == line.split()[1:5:2]
        assert line.endswith(f"  {wild.short_fingerprint} {wild.not_after:%Y-%m-%d}  yes   1")
    assert (
        f"wild ({wild.short_fingerprint}): 2 changes, quota 2\nalibaba.cdn: 2 changes, quota 2\n"
        in text
    )
    assert "main/alibaba.cdn/plain.example.com  first deployment  it has no certificate yet" in text
    assert "quota      2 of 5 left" in text
    assert f"digest     {plan['digest']}" in text


def test_nothing_is_touched(planned: CommandLine, stack: Stack) -> None:
    states = stack.cloud.list_resources()
    planned("plan", "create", "-c", "wild", "--all-matched")
    assert stack.cloud.list_resources() == states
    called = {name.partition(".")[2] for name in stack.cloud.count_calls()}
    assert not {name for name in called if name.startswith(("Set", "Upload", "Delete"))}
    assert (stack.store.tasks.list(), stack.store.quota.get_balance()) == ([], 5)


def test_a_named_resource_may_be_switched_on_and_others_say_why_not(planned: CommandLine) -> None:
    result = planned("plan", "create", "-c", "wild", "--resource", "plain.example.com")
    assert "HTTPS off" in result.stdout
    result = planned(
        "plan", "create", "-c", "wild", "--resource", f"main/alibaba.cdn/{HOSTS[2]}", code=2
    )
    assert "a wildcard stands for exactly one label" in result.stdout
    assert "error: plan: no resource would be changed" in result.stderr


def test_a_service_named_beside_all_narrows_it(planned: CommandLine) -> None:
    words = ("plan", "create", "-c", "wild", "--all-matched", "--service", "alibaba.cas")
    assert planned.json(*words, code=2)["changes"] == []


def test_what_serves_it_already_is_counted(planned: CommandLine, stack: Stack) -> None:
    wild = stack.ca.leaf(["*.example.com"])
    stack.rebind("a.example.com", wild)
    files = stack.settings.home / "a.pem", stack.settings.home / "k.pem"
    files[0].write_bytes(wild.pem)
    files[1].write_bytes(wild.key_pem)
    words = ("--certificate", str(files[0]), "--key", str(files[1]))
    planned("certificate", "upload", "second", *words)
    text = planned("plan", "create", "-c", "second", "--all-matched", "--fresh").stdout
    assert "unchanged  1 already serve it: main/alibaba.cdn/a.example.com" in text
    assert "second (" in text
    assert "): 1 change, quota 1\n" in text


def test_a_way_back_that_is_missing_and_every_warning_are_told(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    change = Change(
        resource=resource("a.example.com"),
        before=Binding(name="theirs"),
        after=build_binding(certificate),
        store="alibaba.cas/cn",
        not_reversible="it lies in the CDN alone",
        warnings=("it is slow",),
    )
    show_plan(Plan(certificates=(certificate.fingerprint,), changes=(change,)), [certificate], 0)
    text = capsys.readouterr().out
    assert "  theirs (no date told)  " in text
    assert "  no    0\n" in text
    assert "no undo    it lies in the CDN alone; for main/alibaba.cdn/a.example.com" in text
    assert "warning    it is slow; for main/alibaba.cdn/a.example.com" in text
    assert "main (" in text
    assert "): 1 change, 1 not reversible\n" in text


def listener(certificate: Certificate, number: int, *former: str) -> Change:
    """A change of an additional certificate from RSA to EC, and of who issued it."""
    key = f"cn-hangzhou/lb/{number}/sni/host{number}.example.com"
    place = resource(key, "alibaba.alb")
    place = place.model_copy(update={"region": "cn-hangzhou", "slot": "sni"})
    before = Binding(name="theirs", names=former, algorithm="rsa", issuer="R3")
    return Change(resource=place, before=before, after=build_binding(certificate), store="s")


def test_slot_and_region_are_told_where_they_say_something(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    cdn = Change(
        resource=resource("a.example.com"), before=None, after=build_binding(certificate), store="s"
    )
    both = (listener(certificate, 0, "*.example.com"), cdn)
    certificates = (certificate.fingerprint,)
    show_plan(Plan(certificates=certificates, changes=both), [certificate], 0)
    head, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["RESOURCE", "WHERE", "SERVES"]
    assert "  cn-hangzhou sni  theirs (no date told)  " in first
    assert second.split()[1:4] == ["global", "HTTPS", "off"]
    show_plan(Plan(certificates=certificates, changes=(cdn,)), [certificate], 0)
    assert capsys.readouterr().out.split()[:2] == ["RESOURCE", "SERVES"]


def test_what_differs_is_told_once_for_all_that_it_is_true_of(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    changes = tuple(listener(certificate, number, "host.example.com") for number in range(2))
    plan = Plan(certificates=(certificate.fingerprint,), changes=changes)
    show_plan(plan, [certificate], 0)
    text = capsys.readouterr().out
    both = f"; for {changes[0].resource.id}, {changes[1].resource.id}\n"
    assert f"new names  *.example.com{both}" in text
    assert f"key        rsa to ec{both}" in text
    assert f"issuer     'R3' to {build_binding(certificate).issuer!r}{both}" in text
    row = plan_to_json(plan, 0)["changes"][0]
    assert (row["names_lost"], row["names_gained"]) == ((), ("*.example.com",))
    assert (row["key_change"], row["reversible"]) == (("rsa", "ec"), True)
    assert row["issuer_change"] == ("R3", build_binding(certificate).issuer)
    assert plan_to_json(plan, 0)["totals_by_service"] == {"alibaba.alb": Total(changes=2)}


def test_a_terminal_shows_only_the_first_of_what_is_merely_told(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.cli.plan.show.is_terminal", lambda: True)
    certificate = store_certificate(certroll)
    names = tuple(f"host{number}.example.com" for number in range(7))
    new = certificate.model_copy(update={"names": names})
    changes = tuple(
        listener(new, number, *names[:number]).model_copy(update={"warnings": (f"no {number}",)})
        for number in range(1, 7)
    )
    show_plan(Plan(certificates=(new.fingerprint,), changes=changes), [new], 0)
    text = capsys.readouterr().out
    assert text.count("\nnew names  ") == 6
    assert "new names  and 1 more such lines: see --json\n" in text
    assert text.count("\nwarning  ") == 6


def test_a_name_that_is_lost_warns_and_is_refused_on_demand(
    planned: CommandLine, stack: Stack
) -> None:
    stack.rebind("a.example.com", stack.ca.leaf(["a.example.com", "example.com", "example.org"]))
    words = ("plan", "create", "-c", "wild", "--all-matched", "--fresh")
    lost, place = "names no longer covered: example.com, example.org", "main/alibaba.cdn/"
    assert f"warning    {lost}; for {place}a.example.com\n" in planned(*words).stdout
    plan = planned.json(*words, "--require-coverage")
    assert [change["resource"]["key"] for change in plan["changes"]] == ["b.example.com"]
    refused = {each["subject"]: (each["rule"], each["reason"]) for each in plan["refusals"]}
    assert refused[f"{place}a.example.com"] == ("coverage", lost)


def test_wrong_words_are_refused(certroll: CommandLine) -> None:
    store_account(certroll)
    store_resources(certroll)
    store_certificate(certroll)
    told = certroll.refusal("plan", "create", "-c", "main")
    assert "nothing says where the certificates shall go" in told
    assert (
        certroll.error("plan", "create", "-c", "mainn", "--all-matched")["code"]
        == "unknown-certificate"
    )
    words = ("plan", "create", "-c", "main", "--all-matched")
    assert certroll.error(*words, "--account", "x")["code"] == "unknown-account"
    assert certroll.error(*words, "--service", "x")["code"] == "unknown-service"
    told = certroll.refusal("plan", "create", "-c", "main", "--resource", "x")
    assert told.startswith("--resource: not in the inventory: x")


def test_a_cloud_that_does_not_answer_becomes_a_refusal_of_each_resource(
    certroll: CommandLine,
) -> None:
    store_account(certroll)
    store_resources(certroll)
    store_certificate(certroll)
    result = certroll("plan", "create", "-c", "main", "--all-matched", code=2)
    # The listing told a moment ago that one of the three has no HTTPS: it is not asked again.
    assert result.stdout.count("ConnectionLost") == 2
