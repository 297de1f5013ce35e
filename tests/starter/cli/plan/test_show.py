"""How `show_plan` prints a plan, and what `plan_to_json` adds to it."""

import pytest

from domain.certificates.certificate import Certificate
from domain.plans.plan import Change, Plan, Total, build_binding
from domain.resources.connector import ChangeWarning
from domain.resources.resource import Binding
from starter.cli.plan.show import MAX_GROUPS, plan_to_json, show_plan
from tests.support.command_line import CommandLine, list_lines, list_numbers
from tests.support.starter_examples import build_resource, store_certificate


def test_a_missing_rollback_and_each_warning_are_shown(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    change = Change(
        resource=build_resource("a.example.com"),
        before=Binding(name="theirs"),
        after=build_binding(certificate),
        store="alibaba.cas/cn",
        not_reversible="it lies in the CDN alone",
        warnings=(ChangeWarning(code="slow", text="it is slow"),),
    )
    show_plan(Plan(certificates=(certificate.fingerprint,), changes=(change,)), [certificate], 0)
    text = capsys.readouterr().out
    resource = change.resource.id
    (row,) = list_lines(text, resource)
    assert row.startswith("theirs (")
    assert row.split()[-2:] == ["no", "0"]
    assert list_lines(text, "no undo") == [f"{change.not_reversible}; for {resource}"]
    assert list_lines(text, "warning") == [f"{change.warnings[0].text}; for {resource}"]
    (total,) = list_lines(text, f"main ({certificate.short_fingerprint}):")
    assert list_numbers(total) == [1, 1]


def build_listener_change(certificate: Certificate, number: int, *former: str) -> Change:
    """Builds a change of an additional certificate from RSA to EC, and to another issuer."""
    key = f"cn-hangzhou/lb/{number}/sni/host{number}.example.com"
    resource = build_resource(key, "alibaba.alb")
    resource = resource.model_copy(update={"region": "cn-hangzhou", "slot": "sni"})
    before = Binding(name="theirs", names=former, algorithm="rsa", issuer="R3")
    return Change(resource=resource, before=before, after=build_binding(certificate), store="s")


def test_region_and_slot_are_shown_where_one_is_not_the_default(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    cdn = Change(
        resource=build_resource("a.example.com"),
        before=None,
        after=build_binding(certificate),
        store="s",
    )
    both = (build_listener_change(certificate, 0, "*.example.com"), cdn)
    certificates = (certificate.fingerprint,)
    show_plan(Plan(certificates=certificates, changes=both), [certificate], 0)
    head, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["RESOURCE", "REGION", "SERVES"]
    assert first.split()[1:4] == ["cn-hangzhou", "sni", "theirs"]
    assert second.split()[1:4] == ["global", "HTTPS", "off"]
    show_plan(Plan(certificates=certificates, changes=(cdn,)), [certificate], 0)
    assert capsys.readouterr().out.split()[:2] == ["RESOURCE", "SERVES"]


def test_a_difference_that_several_resources_share_is_shown_once(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    certificate = store_certificate(certroll)
    changes = tuple(
        build_listener_change(certificate, number, "host.example.com") for number in range(2)
    )
    plan = Plan(certificates=(certificate.fingerprint,), changes=changes)
    show_plan(plan, [certificate], 0)
    text = capsys.readouterr().out
    both = f"; for {changes[0].resource.id}, {changes[1].resource.id}"
    issuer = build_binding(certificate).issuer
    assert list_lines(text, "new names") == [f"*.example.com{both}"]
    assert list_lines(text, "key") == [f"rsa to ec{both}"]
    assert list_lines(text, "issuer") == [f"'R3' to {issuer!r}{both}"]
    row = plan_to_json(plan, 0)["changes"][0]
    assert (row["names_lost"], row["names_gained"]) == ((), ("*.example.com",))
    assert (row["key_change"], row["reversible"]) == (("rsa", "ec"), True)
    assert row["issuer_change"] == ("R3", issuer)
    assert plan_to_json(plan, 0)["totals_by_service"] == {"alibaba.alb": Total(changes=2)}


def test_a_terminal_shows_only_the_first_notices_and_all_warnings(
    certroll: CommandLine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starter.cli.plan.show.is_terminal", lambda: True)
    certificate = store_certificate(certroll)
    names = tuple(f"host{number}.example.com" for number in range(7))
    new = certificate.model_copy(update={"names": names})
    changes = tuple(
        build_listener_change(new, number, *names[:number]).model_copy(
            update={"warnings": (ChangeWarning(code="slow", text=f"no {number}"),)}
        )
        for number in range(1, 7)
    )
    show_plan(Plan(certificates=(new.fingerprint,), changes=changes), [new], 0)
    text = capsys.readouterr().out
    *shown, omitted = list_lines(text, "new names")
    assert len(shown) == MAX_GROUPS
    assert list_numbers(omitted) == [len(changes) - MAX_GROUPS]
    assert len(list_lines(text, "warning")) == len(changes)
