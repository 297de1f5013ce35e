"""The checks of preflight against the practice cloud."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.calendar.windows import AllowedStart, CalendarScope, Freeze, StartReasonCode
from domain.errors import BadInput, CertrollError
from domain.preflight.checks import CHECKS, CheckPolicy
from domain.preflight.finding import CheckPolicies, Finding
from operations.inventory.service_sync import sync_here
from operations.preflight.findings import PreflightInput, run_checks
from tests.support.factory import DAY, NOW, Authority
from tests.support.preflight_runs import list_checks, run_preflight, store_certificate, swap_keys
from tests.support.responders import Responder
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.stored_examples import mark_vanished

NAME, OTHER = "a.example.com", "b.example.com"
OFF = {check.number: CheckPolicy.OFF for check in CHECKS}


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder(Authority.root("Root").sub("Issuing")).serve() as serving:
        yield serving


def one(found: list[Finding], check: str) -> Finding:
    (only,) = (each for each in found if each.check == check)
    return only


def test_a_sound_plan_has_only_warnings_of_a_private_root_and_an_unmanaged_certificate(
    stack: Stack,
) -> None:
    stack.seed_domains(NAME)
    found = run_preflight(stack, stack.build_plan(stack.upload("new", NAME)))
    assert [(each.check, each.refused) for each in found] == [("C06", False), ("C12", False)]
    assert list_checks(found) == []


def test_every_account_service_and_store_is_asked_once_however_many_resources(
    stack: Stack,
) -> None:
    def calls_for(*names: str) -> int:
        stack.seed_domains(*names)
        plan = stack.build_plan(stack.upload(f"of {len(names)}", "*.example.com"))
        before = _calls(stack)
        run_preflight(stack, plan)
        return _calls(stack) - before

    assert calls_for(NAME) == calls_for(*(f"n{number}.example.com" for number in range(20)))


def _calls(stack: Stack) -> int:
    return sum(count for codes in stack.cloud.count_calls().values() for count in codes.values())


def test_checks_that_are_off_call_nobody(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    before = _calls(stack)
    assert run_preflight(stack, plan, OFF) == []
    assert _calls(stack) == before


def test_a_certificate_that_expires_before_or_soon_after_the_start(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME, not_after=NOW + 20 * DAY))
    assert list_checks(run_preflight(stack, plan)) == []
    assert list_checks(run_preflight(stack, plan, after=18 * DAY)) == ["C02"]
    assert list_checks(run_preflight(stack, plan, least_validity=timedelta(days=30))) == ["C02"]
    late = one(run_preflight(stack, plan, after=21 * DAY), "C01")
    assert late.refused
    assert late.subject == "new"


def test_a_key_in_the_vault_that_belongs_to_another_certificate(stack: Stack) -> None:
    stack.seed_domains(NAME)
    new, other = stack.upload("new", NAME), stack.upload("other", NAME)
    plan = stack.build_plan(new)
    swap_keys(stack, new, other)
    wrong = one(run_preflight(stack, plan), "C03")
    assert wrong.refused
    assert wrong.certificate == new.fingerprint
    assert wrong.cause.needs_operator


def test_a_certificate_that_was_deleted_meanwhile(stack: Stack) -> None:
    stack.seed_domains(NAME)
    new = stack.upload("new", NAME)
    plan = stack.build_plan(new)
    stack.store.certificates.delete(new.fingerprint)
    gone = one(run_preflight(stack, plan), "C03")
    assert (gone.refused, gone.certificate) == (True, new.fingerprint)


def test_an_intermediate_that_expires_before_its_leaf(stack: Stack) -> None:
    stack.seed_domains(NAME)
    short = Authority.root().sub("Short", not_after=NOW + 30 * DAY)
    plan = stack.build_plan(store_certificate(stack, "new", short.leaf([NAME])))
    assert list_checks(run_preflight(stack, plan)) == ["C05", "C11"]
    late = one(run_preflight(stack, plan, after=40 * DAY), "C04")
    assert late.refused


def test_trust_is_a_warning_until_somebody_names_a_profile(stack: Stack, tmp_path: Path) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    assert not one(run_preflight(stack, plan), "C06").refused
    roots = tmp_path / "roots.pem"
    roots.write_bytes(stack.ca.root_pem)
    assert "C06" not in {each.check for each in run_preflight(stack, plan, trust=str(roots))}
    roots.with_name("other.pem").write_bytes(Authority.root("Other").pem)
    finding = one(run_preflight(stack, plan, trust=str(roots.with_name("other.pem"))), "C06")
    assert finding.refused
    assert "CN=test root" in finding.what
    assert not one(run_preflight(stack, plan, trust="certifi", checks="C06=warn"), "C06").refused
    assert "C06" not in {each.check for each in run_preflight(stack, plan, trust="none")}
    missing = one(run_preflight(stack, plan, trust=str(tmp_path / "none.pem")), "C06")
    assert str(tmp_path / "none.pem") in missing.what


def test_a_revoked_certificate_is_refused_and_a_silent_authority_is_a_warning(
    stack: Stack, responder: Responder
) -> None:
    stack.seed_domains(NAME)
    leaf = responder.leaf([NAME])
    plan = stack.build_plan(store_certificate(stack, "new", leaf))
    assert list_checks(run_preflight(stack, plan)) == ["C11"]
    responder.failure = "down"
    silent = one(run_preflight(stack, plan), "C08")
    assert not silent.refused
    responder.failure = None
    responder.revoke(leaf)
    revoked = one(run_preflight(stack, plan), "C07")
    assert revoked.refused
    assert "2026-03-01 12:00 UTC" in revoked.what
    assert "keyCompromise" in revoked.what
    responder.requests.clear()
    assert list_checks(
        run_preflight(stack, plan, {"C07": CheckPolicy.OFF, "C08": CheckPolicy.OFF})
    ) == ["C11"]
    assert responder.requests == []


def test_lost_names_another_kind_of_key_and_another_issuer(stack: Stack) -> None:
    stack.rebind(NAME, stack.ca.leaf([NAME, OTHER], algorithm="rsa"))
    assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).error is None
    plan = stack.build_plan(
        store_certificate(stack, "new", Authority.root().sub("Elsewhere").leaf([NAME]))
    )
    found = run_preflight(stack, plan)
    assert list_checks(found) == ["C09", "C10", "C11"]
    assert not any(each.refused for each in found)
    assert one(run_preflight(stack, plan, {"C10": CheckPolicy.REFUSE}), "C10").refused


def test_a_stored_certificate_that_is_served_is_managed(stack: Stack) -> None:
    former = stack.ca.leaf([NAME])
    store_certificate(stack, "former", former)
    stack.rebind(NAME, former)
    assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).error is None
    plan = stack.build_plan(stack.upload("new", NAME))
    assert "C12" not in {each.check for each in run_preflight(stack, plan)}


def test_credentials_that_are_refused_need_an_operator(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.cloud.add_fault("error", "*", code="InvalidAccessKeyId.Inactive", status=404)
    refused = one(run_preflight(stack, plan), "C13")
    assert refused.refused
    assert (refused.account, refused.service) == (ACCOUNT, SERVICE)
    assert "InvalidAccessKeyId.Inactive" in refused.what
    assert refused.cause.needs_operator


def test_a_missing_permission_is_named(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.cloud.add_fault(
        "error", "DescribeDomainCertificateInfo", code="Forbidden.RAM", status=403
    )
    assert "cdn:DescribeDomainCertificateInfo" in one(run_preflight(stack, plan), "C13").what


def test_a_service_that_does_not_answer_is_a_warning(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.cloud.add_fault("5xx", "DescribeUserDomains")
    silent = one(run_preflight(stack, plan), "C14")
    assert not silent.refused


def test_a_deleted_account_is_refused(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    stack.store.accounts.delete(ACCOUNT)
    found = run_preflight(stack, plan)
    assert list_checks(found) == ["C13", "C18"]
    assert one(found, "C13").refused


def test_a_store_that_has_become_full(stack: Stack) -> None:
    listener: dict[str, Any] = {"certificate": _pem(stack, NAME)}
    stack.cloud.seed("clb", account=stack.key_id, listeners=[listener])
    assert sync_here(stack.store, stack.connectors, ACCOUNT, "alibaba.clb").error is None
    new = stack.upload("new", NAME)
    plan = stack.build_plan(new)
    assert list_checks(run_preflight(stack, plan)) == []
    stack.cloud.set_limit("clb", 1)
    full = one(run_preflight(stack, plan), "C15")
    assert full.refused
    assert (full.certificate, full.store) == (new.fingerprint, "alibaba.clb/cn-hangzhou")


def _pem(stack: Stack, name: str) -> dict[str, str]:
    leaf = stack.ca.leaf([name])
    return {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}


def test_a_plan_that_uploads_elsewhere_than_its_resource_binds_from(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    (change,) = plan.changes
    moved = plan.model_copy(
        update={"changes": (change.model_copy(update={"store": "alibaba.cas/intl"}),)}
    )
    wrong = one(run_preflight(stack, moved), "C16")
    assert wrong.refused
    assert "alibaba.cas/cn" in wrong.what


def test_a_freeze_is_a_finding_about_the_whole_task(stack: Stack) -> None:
    stack.seed_domains(NAME)
    plan = stack.build_plan(stack.upload("new", NAME))
    now = datetime.now(UTC)
    frozen = Freeze(
        name="close", begins=now - DAY, ends=now + DAY, reason="sale", scope=CalendarScope()
    )
    stack.store.calendar.freezes.add(frozen)
    finding = one(run_preflight(stack, plan, {"C17": CheckPolicy.REFUSE}), "C17")
    assert finding.refused
    assert "'close'" in finding.what
    assert all(finding.covers(change) for change in plan.changes)
    assert list_checks(run_preflight(stack, plan, after=2 * DAY)) == []


def test_a_resource_that_has_vanished_or_is_offline(stack: Stack) -> None:
    stack.seed_domains(NAME, OTHER)
    plan = stack.build_plan(stack.upload("new", "*.example.com"))
    stack.cloud.seed("cdn", account=stack.key_id, domains=[{"name": OTHER, "status": "offline"}])
    assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).error is None
    finding = one(run_preflight(stack, plan), "C19")
    assert not finding.refused
    assert "offline" in finding.what
    mark_vanished(stack.store, ACCOUNT, SERVICE, datetime.now(UTC) + DAY)
    gone = one(run_preflight(stack, plan), "C18")
    assert gone.refused
    assert len(gone.resources or ()) == 2


def test_windows_without_a_common_hour_are_a_finding(stack: Stack) -> None:
    stack.seed_domains("a.example.com")
    plan, now = stack.build_plan(stack.upload("new", "a.example.com")), datetime.now(UTC)

    def find_start() -> AllowedStart:
        raise BadInput("no hour is common", code=StartReasonCode.NO_COMMON_WINDOW)

    request = PreflightInput(plan.changes, now, now, CheckPolicies(), find_start)
    found = run_checks(stack.store, stack.connectors, stack.settings, request)
    (finding,) = [each for each in found if each.check == "C17"]
    assert "no hour is common" in str(finding)


def test_a_key_that_the_vault_cannot_open_is_a_finding(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.seed_domains("a.example.com")
    new = stack.upload("new", "a.example.com")
    plan = stack.build_plan(new)

    def refuse(_: str) -> None:
        raise CertrollError("sealed by key kek-9")

    monkeypatch.setattr(stack.store.certificates, "get_key", refuse)
    now = datetime.now(UTC)
    request = PreflightInput(plan.changes, now, now, CheckPolicies(), lambda: AllowedStart(at=now))
    found = run_checks(stack.store, stack.connectors, stack.settings, request)
    (finding,) = [each for each in found if each.check == "C03"]
    assert finding.certificate == new.fingerprint
    assert "kek-9" in str(finding)
