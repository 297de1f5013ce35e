"""`certroll plan`: everything that a person decides by, and nothing touched."""

import pytest

from domain.plan import Change, Plan, wanted
from domain.resource import Binding
from starter.commands._plans import show_plan
from tests.house import House
from tests.starter.command_line import CommandLine
from tests.starter.examples import resource, store_account, store_certificate, store_resources

HOSTS = ("a.example.com", "b.example.com", "c.shop.example.com")


@pytest.fixture
def planned(house: House) -> CommandLine:
    """Three domains, one without HTTPS, and one certificate that covers two of the first."""
    house.domains(*HOSTS)
    house.domains("plain.example.com", https=False)
    house.upload("wild", "*.example.com")
    house.grant(5)
    return CommandLine(house.settings.home)


def test_changes_matches_refusals_cost_and_digest_are_told(
    planned: CommandLine, house: House
) -> None:
    plan = planned.json("plan", "--certificate", "wild", "--all-matched")
    wild = house.store.certificates.find("wild")
    assert [change["resource"]["key"] for change in plan["changes"]] == list(HOSTS[:2])
    before = [change["before"]["fingerprint"] for change in plan["changes"]]
    assert before == [house.former[host] for host in HOSTS[:2]]
    assert plan["matches"] == {wild.fingerprint: 2}
    assert (plan["cost"], plan["balance"], len(plan["digest"])) == (2, 5, 64)
    assert [refusal["rule"] for refusal in plan["refusals"]] == ["first deployment"]
    text = planned("plan", "-c", wild.fingerprint, "--service", "alibaba.cdn").stdout
    for host in HOSTS[:2]:
        line = next(line for line in text.splitlines() if host in line)
        assert [(house.former[host] or "")[:12], wild.short] == line.split()[1:3]
        assert line.endswith("  yes       1")
    assert f"wild ({wild.short}): 2 changes" in text
    assert "main/alibaba.cdn/plain.example.com  first deployment  it has no certificate yet" in text
    assert "quota      2 of 5 left" in text
    assert f"digest     {plan['digest']}" in text


def test_nothing_is_touched(planned: CommandLine, house: House) -> None:
    states = house.cloud.resources()
    planned("plan", "-c", "wild", "--all-matched")
    assert house.cloud.resources() == states
    called = {name.partition(".")[2] for name in house.cloud.calls()}
    assert not {name for name in called if name.startswith(("Set", "Upload", "Delete"))}
    assert (house.store.tasks.list(), house.store.quota.balance()) == ([], 5)


def test_a_named_resource_may_be_switched_on_and_others_say_why_not(planned: CommandLine) -> None:
    result = planned("plan", "-c", "wild", "--resource", "plain.example.com")
    assert "HTTPS off" in result.stdout
    result = planned("plan", "-c", "wild", "--resource", f"main/alibaba.cdn/{HOSTS[2]}", code=2)
    assert "a wildcard stands for exactly one label" in result.stdout
    assert "error: plan: no resource would be changed" in result.stderr


def test_a_service_named_beside_all_narrows_it(planned: CommandLine) -> None:
    words = ("plan", "-c", "wild", "--all-matched", "--service", "alibaba.cas")
    assert planned.json(*words, code=2)["changes"] == []


def test_what_serves_it_already_is_counted(planned: CommandLine, house: House) -> None:
    wild = house.ca.leaf(["*.example.com"])
    house.rebind("a.example.com", wild)
    files = house.settings.home / "a.pem", house.settings.home / "k.pem"
    files[0].write_bytes(wild.pem)
    files[1].write_bytes(wild.key_pem)
    words = ("--certificate", str(files[0]), "--key", str(files[1]))
    planned("certificate", "upload", "second", *words)
    text = planned("plan", "-c", "second", "--all-matched").stdout
    assert "unchanged  1 serve it already: main/alibaba.cdn/a.example.com" in text
    assert "second (" in text
    assert "): 1 change\n" in text


def test_a_way_back_that_is_missing_and_every_warning_are_told(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    change = Change(
        resource=resource("a.example.com"),
        before=Binding(name="theirs"),
        after=wanted(certificate),
        store="alibaba.cas/cn",
        not_reversible="it lies in the CDN alone",
        warnings=("it is slow",),
    )
    show_plan(Plan(certificates=(certificate.fingerprint,), changes=(change,)), [certificate], 0)
    text = capsys.readouterr().out
    assert "theirs  " in text
    assert "not told  " in text
    assert "no: it lies in the CDN alone" in text
    assert "warning    main/alibaba.cdn/a.example.com: it is slow" in text


def test_wrong_words_are_refused(certroll: CommandLine) -> None:
    store_account(certroll)
    store_resources(certroll)
    store_certificate(certroll)
    told = certroll.refusal("plan", "-c", "main")
    assert "nothing says where the certificates shall go" in told
    assert "Did you mean main?" in certroll.refusal("plan", "-c", "mainn", "--all-matched")
    words = ("plan", "-c", "main", "--all-matched")
    assert "there is no account 'x'" in certroll.refusal(*words, "--account", "x")
    assert "there is no service 'x'" in certroll.refusal(*words, "--service", "x")
    told = certroll.refusal("plan", "-c", "main", "--resource", "x")
    assert told.startswith("--resource: not in the inventory: x")


def test_a_cloud_that_does_not_answer_becomes_a_refusal_of_each_resource(
    certroll: CommandLine,
) -> None:
    store_account(certroll)
    store_resources(certroll)
    store_certificate(certroll)
    result = certroll("plan", "-c", "main", "--all-matched", code=2)
    assert result.stdout.count("ConnectionLost") == 3
