"""The rules of a task, each refusal with its reason."""

from datetime import timedelta

import pytest

from domain.certificates.certificate import Certificate, Source
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.rules import (
    MOST_CONTACTS,
    SM_SERVICES,
    check_certificates,
    check_change,
    check_contacts,
    check_validity,
)
from domain.resources.connector import Scenario, Traits
from domain.resources.resource import Binding
from tests.support.stored_examples import certificate, resource

OURS = certificate()
FORMER = Binding(name="former")
BOTH = frozenset(Scenario)
SM = OURS.model_copy(update={"algorithm": Algorithm.SM2})
BOUGHT = {"source": Source.OFFICIAL}


def traits(*scenarios: Scenario, algorithms: tuple[Algorithm, ...] = (Algorithm.EC,)) -> Traits:
    return Traits(
        service="alibaba.cdn", scenarios=frozenset(scenarios), algorithms=frozenset(algorithms)
    )


def test_a_task_tells_at_most_ten_contacts() -> None:
    check_contacts([f"c{number}" for number in range(MOST_CONTACTS)])
    with pytest.raises(BadInput, match=r"11 contacts are named.*at most 10"):
        check_contacts([f"c{number}" for number in range(MOST_CONTACTS + 1)])


def test_a_contact_is_named_once() -> None:
    check_contacts([])
    with pytest.raises(BadInput, match="named twice"):
        check_contacts(["ops", "dev", "ops"])


def test_official_certificates_go_in_a_task_of_their_own() -> None:
    uploaded, shared, official = (
        OURS.model_copy(update={"source": source})
        for source in (Source.UPLOADED, Source.SHARED, Source.OFFICIAL)
    )
    check_certificates([official, certificate("other").model_copy(update=BOUGHT)])
    check_certificates([uploaded, shared])
    for other in (uploaded, shared):
        with pytest.raises(BadInput, match="sources in one task: official, uploaded or shared"):
            check_certificates([official, other])


def test_a_certificate_whose_name_is_chinese_is_refused() -> None:
    with pytest.raises(BadInput, match="Chinese character '\u8bc1'"):
        check_certificates([OURS.model_copy(update={"name": "shop-\u8bc1\u4e66"})])


def test_a_certificate_must_be_valid_when_the_plan_is_made() -> None:
    tick = timedelta(microseconds=1)
    assert check_validity(OURS, OURS.not_before) is None
    assert check_validity(OURS, OURS.not_after - tick) is None
    for moment in (OURS.not_before - tick, OURS.not_after):
        refusal = check_validity(OURS, moment)
        assert refusal is not None
        assert (refusal.subject, refusal.code) == (OURS.name, "validity")
        assert f"{moment:%Y-%m-%d}" in refusal.reason


def test_what_a_service_takes_is_not_refused() -> None:
    first, update = traits(Scenario.FIRST), traits(Scenario.UPDATE)
    assert check_change(first, resource(), None, OURS) is None
    assert check_change(update, resource(), FORMER, OURS) is None


def test_a_resource_that_is_not_online_is_refused() -> None:
    stopped = resource().model_copy(update={"state": "stopped"})
    refusal = check_change(traits(*Scenario), stopped, FORMER, OURS)
    assert refusal is not None
    assert (refusal.code, refusal.reason) == ("state", "the resource is stopped")


def test_an_algorithm_that_the_service_does_not_take_is_refused() -> None:
    taken = traits(*Scenario, algorithms=(Algorithm.SM2, Algorithm.RSA))
    refusal = check_change(taken, resource(), FORMER, OURS)
    assert refusal is not None
    assert refusal.code == "algorithm"
    assert refusal.reason == f"alibaba.cdn takes rsa, sm2, {OURS.name} is ec"


@pytest.mark.parametrize(
    ("offered", "before", "reason"),
    [(Scenario.UPDATE, None, "first one has to be set"), (Scenario.FIRST, FORMER, "another")],
)
def test_a_scenario_that_the_service_does_not_know_is_refused(
    offered: Scenario, before: Binding | None, reason: str
) -> None:
    refusal = check_change(traits(offered), resource(), before, OURS)
    assert refusal is not None
    assert refusal.code == "scenario"
    assert reason in refusal.reason


@pytest.mark.parametrize("service", sorted(SM_SERVICES))
def test_sm_certificates_go_where_they_are_taken(service: str) -> None:
    taken = Traits(service=service, scenarios=BOTH, algorithms=frozenset({Algorithm.SM2}))
    slot = resource().model_copy(update={"slot": "sm"})
    assert check_change(taken, slot, FORMER, SM) is None
    not_yet = taken.model_copy(update={"algorithms": frozenset({Algorithm.RSA})})
    refusal = check_change(not_yet, slot, FORMER, SM)
    assert refusal is not None
    assert refusal.code == "algorithm"


def test_a_service_may_say_why_it_takes_no_sm_certificates() -> None:
    silent = traits(*Scenario, algorithms=(Algorithm.RSA,))
    says = silent.model_copy(update={"no_sm2": "nobody could see it"})
    for taken, given, reason in (
        (says, SM, "nobody could see it"),
        (silent, SM, f"alibaba.cdn takes rsa, {SM.name} is sm2"),
        (says, OURS, f"alibaba.cdn takes rsa, {OURS.name} is ec"),
    ):
        refusal = check_change(taken, resource(), FORMER, given)
        assert refusal is not None
        assert (refusal.code, refusal.reason) == ("algorithm", reason)


def test_sm_certificates_go_nowhere_else_at_this_provider() -> None:
    taken = Traits(service="alibaba.alb", scenarios=BOTH, algorithms=frozenset({Algorithm.SM2}))
    refusal = check_change(taken, resource(), FORMER, SM)
    assert refusal is not None
    assert (refusal.code, refusal.reason) == (
        "sm",
        "SM certificates go to alibaba.cdn, alibaba.dcdn, alibaba.ddos only",
    )
    elsewhere = taken.model_copy(update={"service": "other.proxy"})
    proxy = resource().model_copy(update={"service": "other.proxy"})
    assert check_change(elsewhere, proxy, FORMER, SM) is None


@pytest.mark.parametrize(
    ("slot", "given", "told"),
    [
        ("default", SM, "SM2 pairs go to the domain's own slot for them, host0.example.com/sm"),
        ("sm", OURS, "this slot takes SM2 pairs only; other certificates go to the domain itself"),
    ],
)
def test_a_slot_takes_one_kind_only(slot: str, given: Certificate, told: str) -> None:
    taken = traits(*Scenario, algorithms=(Algorithm.SM2, Algorithm.EC))
    refusal = check_change(taken, resource().model_copy(update={"slot": slot}), FORMER, given)
    assert refusal is not None
    assert refusal.code == "slot"
    assert refusal.reason.startswith(told)
    usual = taken.model_copy(update={"algorithms": frozenset({Algorithm.EC})})
    assert check_change(usual, resource(), FORMER, OURS) is None
