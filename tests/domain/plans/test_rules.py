"""The rules of a task and its changes, each refusal with its code."""

from datetime import timedelta

import pytest

from domain.certificates.certificate import Certificate, Source
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.plan import Change, build_binding
from domain.plans.rules import (
    MAX_CONTACTS,
    SAME_NAMES,
    SM_SERVICES,
    check_certificates,
    check_contacts,
    describe_lost_names,
    find_change_refusal,
    find_coverage_refusal,
    find_validity_refusal,
    list_listener_refusals,
    may_replace,
)
from domain.resources.connector import Scenario, Traits
from domain.resources.resource import Binding, Resource
from tests.support.refusals import has_code
from tests.support.stored_examples import NEW, OLD, build_certificate, build_resource

OURS = build_certificate()
FORMER = Binding(name="former")
BOTH = frozenset(Scenario)
SM = OURS.model_copy(update={"algorithm": Algorithm.SM2})
BOUGHT = {"source": Source.OFFICIAL}


def traits(*scenarios: Scenario, algorithms: tuple[Algorithm, ...] = (Algorithm.EC,)) -> Traits:
    return Traits(
        service="alibaba.cdn", scenarios=frozenset(scenarios), algorithms=frozenset(algorithms)
    )


def test_a_task_notifies_at_most_ten_contacts() -> None:
    check_contacts([f"c{number}" for number in range(MAX_CONTACTS)])
    with pytest.raises(BadInput, check=has_code("too-many-contacts", "11", "10")):
        check_contacts([f"c{number}" for number in range(MAX_CONTACTS + 1)])


def test_a_contact_is_named_once() -> None:
    check_contacts([])
    with pytest.raises(BadInput, check=has_code("contact-twice", where="--contact")):
        check_contacts(["ops", "dev", "ops"])


def test_official_certificates_go_in_a_task_of_their_own() -> None:
    uploaded, shared, official = (
        OURS.model_copy(update={"source": source})
        for source in (Source.UPLOADED, Source.SHARED, Source.OFFICIAL)
    )
    check_certificates([official, build_certificate("other").model_copy(update=BOUGHT)])
    check_certificates([uploaded, shared])
    for other in (uploaded, shared):
        with pytest.raises(BadInput, check=has_code("several-sources")):
            check_certificates([official, other])


def test_a_certificate_whose_name_is_chinese_is_refused() -> None:
    with pytest.raises(BadInput, check=has_code("invalid-certificate-name", "\u8bc1")):
        check_certificates([OURS.model_copy(update={"name": "shop-\u8bc1\u4e66"})])


def test_a_certificate_must_be_valid_when_the_plan_is_made() -> None:
    tick = timedelta(microseconds=1)
    assert find_validity_refusal(OURS, OURS.not_before) is None
    assert find_validity_refusal(OURS, OURS.not_after - tick) is None
    for moment in (OURS.not_before - tick, OURS.not_after):
        refusal = find_validity_refusal(OURS, moment)
        assert refusal is not None
        assert (refusal.subject, refusal.code) == (OURS.name, "validity")
        assert f"{moment:%Y-%m-%d}" in refusal.reason


def test_a_certificate_that_the_service_takes_is_not_refused() -> None:
    first, update = traits(Scenario.FIRST), traits(Scenario.UPDATE)
    assert find_change_refusal(first, build_resource(), None, OURS) is None
    assert find_change_refusal(update, build_resource(), FORMER, OURS) is None


def test_a_resource_that_is_not_online_is_refused() -> None:
    stopped = build_resource().model_copy(update={"state": "stopped"})
    refusal = find_change_refusal(traits(*Scenario), stopped, FORMER, OURS)
    assert refusal is not None
    assert refusal.code == "state"
    assert "stopped" in refusal.reason


def test_an_algorithm_that_the_service_does_not_take_is_refused() -> None:
    taken = traits(*Scenario, algorithms=(Algorithm.SM2, Algorithm.RSA))
    refusal = find_change_refusal(taken, build_resource(), FORMER, OURS)
    assert refusal is not None
    assert refusal.code == "algorithm"
    for data in ("alibaba.cdn", "rsa, sm2", OURS.name, "ec"):
        assert data in refusal.reason


@pytest.mark.parametrize(("offered", "before"), [(Scenario.UPDATE, None), (Scenario.FIRST, FORMER)])
def test_a_scenario_that_the_service_does_not_know_is_refused(
    offered: Scenario, before: Binding | None
) -> None:
    refusal = find_change_refusal(traits(offered), build_resource(), before, OURS)
    assert refusal is not None
    assert refusal.code == "scenario"


@pytest.mark.parametrize("service", sorted(SM_SERVICES))
def test_sm_certificates_go_where_they_are_taken(service: str) -> None:
    taken = Traits(service=service, scenarios=BOTH, algorithms=frozenset({Algorithm.SM2}))
    slot = build_resource().model_copy(update={"slot": "sm"})
    assert find_change_refusal(taken, slot, FORMER, SM) is None
    not_yet = taken.model_copy(update={"algorithms": frozenset({Algorithm.RSA})})
    refusal = find_change_refusal(not_yet, slot, FORMER, SM)
    assert refusal is not None
    assert refusal.code == "algorithm"


def test_a_service_may_say_why_it_takes_no_sm_certificates() -> None:
    silent = traits(*Scenario, algorithms=(Algorithm.RSA,))
    says = silent.model_copy(update={"no_sm2": "nobody could see it"})
    for taken, given, says_why in ((says, SM, True), (silent, SM, False), (says, OURS, False)):
        refusal = find_change_refusal(taken, build_resource(), FORMER, given)
        assert refusal is not None
        assert refusal.code == "algorithm"
        assert (refusal.reason == says.no_sm2) is says_why


def test_sm_certificates_go_nowhere_else_at_this_provider() -> None:
    taken = Traits(service="alibaba.alb", scenarios=BOTH, algorithms=frozenset({Algorithm.SM2}))
    refusal = find_change_refusal(taken, build_resource(), FORMER, SM)
    assert refusal is not None
    assert refusal.code == "sm"
    assert all(service in refusal.reason for service in SM_SERVICES)
    elsewhere = taken.model_copy(update={"service": "other.proxy"})
    proxy = build_resource().model_copy(update={"service": "other.proxy"})
    assert find_change_refusal(elsewhere, proxy, FORMER, SM) is None


@pytest.mark.parametrize(
    ("slot", "given", "data"), [("default", SM, "host0.example.com/sm"), ("sm", OURS, "SM2")]
)
def test_a_slot_takes_one_kind_only(slot: str, given: Certificate, data: str) -> None:
    taken = traits(*Scenario, algorithms=(Algorithm.SM2, Algorithm.EC))
    refusal = find_change_refusal(
        taken, build_resource().model_copy(update={"slot": slot}), FORMER, given
    )
    assert refusal is not None
    assert refusal.code == "slot"
    assert data in refusal.reason
    usual = taken.model_copy(update={"algorithms": frozenset({Algorithm.EC})})
    assert find_change_refusal(usual, build_resource(), FORMER, OURS) is None


def build_traits(service: str) -> Traits:
    return Traits(
        service=service, scenarios=frozenset(Scenario), algorithms=frozenset({Algorithm.EC})
    )


def old(*names: str) -> Binding:
    return Binding(fingerprint=OLD, names=names)


def slot(service: str, *domains: str, kind: str = "default", port: int = 443) -> Resource:
    key = f"lb/{service}/{port}/{kind}"
    return Resource(account="main", service=service, key=key, domains=domains, slot=kind, port=port)


def named(*names: str, fingerprint: str = NEW) -> Certificate:
    return build_certificate(fingerprint=fingerprint).model_copy(update={"names": names})


@pytest.mark.parametrize("service", sorted(SAME_NAMES))
@pytest.mark.parametrize(
    ("before", "names", "missing"),
    [
        (old("example.com"), ["www.example.com"], None),
        (old("example.com"), ["*.example.com"], None),
        (old("example.com", "example.org"), ["example.org", "example.com", "b.net"], None),
        (old("www.example.com", "api.example.com"), ["www.example.com"], "api.example.com"),
        (old("*.example.com"), ["www.example.com"], "*.example.com"),
        (old(), ["other.example.com"], "host.example.com"),
    ],
)
def test_load_balancers_and_accelerators_require_the_former_names(
    service: str, before: Binding, names: list[str], missing: str | None
) -> None:
    resource = slot(service, "host.example.com")
    refusal = find_change_refusal(build_traits(service), resource, before, named(*names))
    if missing is None:
        assert refusal is None
        return
    assert refusal is not None
    assert refusal.code == "same-names"
    assert refusal.reason.endswith(f" {missing}")


def test_other_services_and_first_certificates_need_no_former_names() -> None:
    other = named("www.example.org")
    assert (
        find_change_refusal(
            build_traits("alibaba.cdn"), build_resource(), old("example.com"), other
        )
        is None
    )
    assert (
        find_change_refusal(build_traits("alibaba.alb"), slot("alibaba.alb"), None, other) is None
    )


def test_only_a_default_slot_takes_a_certificate_that_merely_includes_its_names() -> None:
    below = named("www.example.com")
    assert may_replace(slot("alibaba.nlb", "example.com"), below)
    assert not may_replace(slot("alibaba.nlb", "example.org"), below)
    assert not may_replace(slot("alibaba.nlb", "example.com", kind="sni"), below)
    assert not may_replace(slot("alibaba.cdn", "example.com"), below)
    assert not may_replace(slot("alibaba.nlb"), below)


def swap(
    resource: Resource,
    fingerprint: str,
    lock: str | None = "main/lb",
    before: Binding | None = None,
) -> Change:
    after = build_binding(named("example.com", fingerprint=fingerprint))
    return Change(resource=resource, before=before, after=after, store="s", lock=lock)


def test_two_certificates_for_the_default_slot_of_one_listener_are_refused() -> None:
    own, route = slot("alibaba.alb"), slot("alibaba.sae")
    found = list_listener_refusals([swap(own, NEW), swap(route, OLD)])
    assert [each.subject for each in found] == [own.id, route.id]
    assert {each.code for each in found} == {"one-per-listener"}
    for part in (own.id, route.id, NEW[:12], OLD[:12]):
        assert part in found[0].reason


@pytest.mark.parametrize(
    "other",
    [
        swap(slot("alibaba.sae"), NEW),
        swap(slot("alibaba.sae", kind="sni"), OLD),
        swap(slot("alibaba.sae", port=8443), OLD),
        swap(slot("alibaba.sae"), OLD, lock="main/other"),
        swap(slot("alibaba.ga_listener"), OLD),
        swap(slot("alibaba.sae"), OLD, lock=None),
    ],
)
def test_the_same_certificate_or_another_slot_is_no_conflict(other: Change) -> None:
    assert list_listener_refusals([swap(slot("alibaba.alb"), NEW), other]) == []


def test_required_coverage_refuses_a_change_with_every_lost_name() -> None:
    change = swap(build_resource(), NEW, before=old("example.com", "b.org", "a.org"))
    lost = describe_lost_names(change)
    assert lost is not None
    assert lost.endswith(" b.org, a.org")
    refusal = find_coverage_refusal(change)
    assert refusal is not None
    assert (refusal.subject, refusal.code) == (build_resource().id, "coverage")
    assert refusal.reason == lost


def test_required_coverage_refuses_unknown_names_and_no_kept_ones() -> None:
    unknown = find_coverage_refusal(swap(build_resource(), NEW, before=FORMER))
    assert unknown is not None
    assert unknown.code == "coverage"
    for before in (None, old("example.com")):
        change = swap(build_resource(), NEW, before=before)
        assert find_coverage_refusal(change) is None
        assert describe_lost_names(change) is None
