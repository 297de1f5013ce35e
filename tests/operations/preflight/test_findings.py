"""What is looked at before a task's first change, at a real practice cloud."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activities.inventory_sync import sync
from domain.calendar.windows import Freeze, Scope
from domain.preflight.checks import CHECKS, Policy
from domain.preflight.finding import Finding
from tests.support.factory import DAY, NOW, Authority
from tests.support.flights import keep, look, numbers, swap_keys
from tests.support.house import ACCOUNT, SERVICE, House
from tests.support.responders import Responder

NAME, OTHER = "a.example.com", "b.example.com"
OFF = {check.number: Policy.OFF for check in CHECKS}


@pytest.fixture
def responder() -> Iterator[Responder]:
    with Responder(Authority.root("Root").sub("Issuing")).serving() as serving:
        yield serving


def one(found: list[Finding], check: str) -> Finding:
    (only,) = (each for each in found if each.check == check)
    return only


def test_a_sound_plan_is_only_told_of_what_is_private_and_not_kept_here(house: House) -> None:
    house.domains(NAME)
    found = look(house, house.plan(house.upload("new", NAME)))
    assert [(each.check, each.refused) for each in found] == [("C06", False), ("C12", False)]
    assert numbers(found) == []


def test_every_account_service_and_store_is_asked_once_however_many_resources(
    house: House,
) -> None:
    def calls_for(*names: str) -> int:
        house.domains(*names)
        plan = house.plan(house.upload(f"of {len(names)}", "*.example.com"))
        before = _calls(house)
        look(house, plan)
        return _calls(house) - before

    assert calls_for(NAME) == calls_for(*(f"n{number}.example.com" for number in range(20)))


def _calls(house: House) -> int:
    return sum(count for codes in house.cloud.calls().values() for count in codes.values())


def test_with_everything_off_nobody_is_asked(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    before = _calls(house)
    assert look(house, plan, OFF) == []
    assert _calls(house) == before


def test_a_certificate_that_ends_before_the_task_begins_or_soon_after(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME, not_after=NOW + 20 * DAY))
    assert numbers(look(house, plan)) == []
    assert numbers(look(house, plan, after=18 * DAY)) == ["C02"]
    assert numbers(look(house, plan, least_validity=timedelta(days=30))) == ["C02"]
    late = one(look(house, plan, after=21 * DAY), "C01")
    assert late.refused
    assert late.subject == "new"


def test_a_key_in_the_vault_that_belongs_to_another_certificate(house: House) -> None:
    house.domains(NAME)
    new, other = house.upload("new", NAME), house.upload("other", NAME)
    plan = house.plan(new)
    swap_keys(house, new, other)
    wrong = one(look(house, plan), "C03")
    assert wrong.refused
    assert wrong.certificate == new.fingerprint
    assert wrong.cause.needs_operator


def test_a_certificate_that_was_deleted_meanwhile(house: House) -> None:
    house.domains(NAME)
    new = house.upload("new", NAME)
    plan = house.plan(new)
    house.store.certificates.delete(new.fingerprint)
    gone = one(look(house, plan), "C03")
    assert (gone.refused, gone.what) == (True, "the certificate is not kept here any more")


def test_an_intermediate_that_ends_before_its_leaf(house: House) -> None:
    house.domains(NAME)
    short = Authority.root().sub("Short", not_after=NOW + 30 * DAY)
    plan = house.plan(keep(house, "new", short.leaf([NAME])))
    assert numbers(look(house, plan)) == ["C05", "C11"]
    late = one(look(house, plan, after=40 * DAY), "C04")
    assert late.refused


def test_trust_is_a_warning_until_somebody_names_a_profile(house: House, tmp_path: Path) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    assert not one(look(house, plan), "C06").refused
    roots = tmp_path / "roots.pem"
    roots.write_bytes(house.ca.root_pem)
    assert "C06" not in {each.check for each in look(house, plan, trust=str(roots))}
    roots.with_name("other.pem").write_bytes(Authority.root("Other").pem)
    told = one(look(house, plan, trust=str(roots.with_name("other.pem"))), "C06")
    assert told.refused
    assert "'CN=test root', which is not among them" in told.what
    assert not one(look(house, plan, trust="certifi", checks="C06=warn"), "C06").refused
    assert "C06" not in {each.check for each in look(house, plan, trust="none")}
    missing = one(look(house, plan, trust=str(tmp_path / "none.pem")), "C06")
    assert "cannot be read" in missing.what


def test_a_revoked_certificate_is_refused_and_a_silent_authority_is_told(
    house: House, responder: Responder
) -> None:
    house.domains(NAME)
    leaf = responder.leaf([NAME])
    plan = house.plan(keep(house, "new", leaf))
    assert numbers(look(house, plan)) == ["C11"]
    responder.broken = "down"
    silent = one(look(house, plan), "C08")
    assert not silent.refused
    responder.broken = None
    responder.revoke(leaf)
    revoked = one(look(house, plan), "C07")
    assert revoked.refused
    assert revoked.what == "it was revoked on 2026-03-01 12:00 UTC (keyCompromise)"
    responder.asked.clear()
    assert numbers(look(house, plan, {"C07": Policy.OFF, "C08": Policy.OFF})) == ["C11"]
    assert responder.asked == []


def test_lost_names_another_kind_of_key_and_another_issuer(house: House) -> None:
    house.rebind(NAME, house.ca.leaf([NAME, OTHER], algorithm="rsa"))
    assert sync(house.store, house.clouds, ACCOUNT, SERVICE).error is None
    plan = house.plan(keep(house, "new", Authority.root().sub("Elsewhere").leaf([NAME])))
    found = look(house, plan)
    assert numbers(found) == ["C09", "C10", "C11"]
    assert not any(each.refused for each in found)
    assert one(look(house, plan, {"C10": Policy.REFUSE}), "C10").refused


def test_what_is_served_and_kept_here_is_managed(house: House) -> None:
    former = house.ca.leaf([NAME])
    keep(house, "former", former)
    house.rebind(NAME, former)
    assert sync(house.store, house.clouds, ACCOUNT, SERVICE).error is None
    plan = house.plan(house.upload("new", NAME))
    assert "C12" not in {each.check for each in look(house, plan)}


def test_credentials_that_are_refused_need_an_operator(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.cloud.fault("error", "*", code="InvalidAccessKeyId.Inactive", status=404)
    refused = one(look(house, plan), "C13")
    assert refused.refused
    assert (refused.account, refused.service) == (ACCOUNT, SERVICE)
    assert "InvalidAccessKeyId.Inactive" in refused.what
    assert refused.cause.needs_operator


def test_a_missing_permission_is_told_by_its_name(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.cloud.fault("error", "DescribeDomainCertificateInfo", code="Forbidden.RAM", status=403)
    assert "cdn:DescribeDomainCertificateInfo" in one(look(house, plan), "C13").what


def test_a_service_that_does_not_answer_is_only_told(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.cloud.fault("5xx", "DescribeUserDomains")
    silent = one(look(house, plan), "C14")
    assert not silent.refused


def test_an_account_that_is_gone_is_told_as_such(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    house.store.accounts.delete(ACCOUNT)
    found = look(house, plan)
    assert numbers(found) == ["C13", "C18"]
    assert one(found, "C13").refused


def test_a_store_that_has_become_full(house: House) -> None:
    listener: dict[str, Any] = {"certificate": _pem(house, NAME)}
    house.cloud.seed("clb", account=house.key_id, listeners=[listener])
    assert sync(house.store, house.clouds, ACCOUNT, "alibaba.clb").error is None
    new = house.upload("new", NAME)
    plan = house.plan(new)
    assert numbers(look(house, plan)) == []
    house.cloud.limit("clb", 1)
    full = one(look(house, plan), "C15")
    assert full.refused
    assert (full.certificate, full.store) == (new.fingerprint, "alibaba.clb/cn-hangzhou")


def _pem(house: House, name: str) -> dict[str, str]:
    leaf = house.ca.leaf([name])
    return {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}


def test_a_plan_that_uploads_elsewhere_than_its_resource_binds_from(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    (change,) = plan.changes
    moved = plan.model_copy(
        update={"changes": (change.model_copy(update={"store": "alibaba.cas/intl"}),)}
    )
    wrong = one(look(house, moved), "C16")
    assert wrong.refused
    assert wrong.what.startswith("binds from alibaba.cas/cn")


def test_a_freeze_is_told_about_the_whole_task(house: House) -> None:
    house.domains(NAME)
    plan = house.plan(house.upload("new", NAME))
    now = datetime.now(UTC)
    frozen = Freeze(name="close", begins=now - DAY, ends=now + DAY, reason="sale", scope=Scope())
    house.store.calendar.freezes.add(frozen)
    told = one(look(house, plan, {"C17": Policy.REFUSE}), "C17")
    assert told.refused
    assert "freeze 'close'" in told.what
    assert all(told.covers(change) for change in plan.changes)
    assert numbers(look(house, plan, after=2 * DAY)) == []


def test_a_resource_that_has_vanished_or_went_offline_since(house: House) -> None:
    house.domains(NAME, OTHER)
    plan = house.plan(house.upload("new", "*.example.com"))
    house.cloud.seed("cdn", account=house.key_id, domains=[{"name": OTHER, "status": "offline"}])
    assert sync(house.store, house.clouds, ACCOUNT, SERVICE).error is None
    told = one(look(house, plan), "C19")
    assert (told.refused, told.what) == (False, "is offline")
    house.store.inventory.mark_vanished(ACCOUNT, SERVICE, datetime.now(UTC) + DAY)
    gone = one(look(house, plan), "C18")
    assert gone.refused
    assert len(gone.resources or ()) == 2
