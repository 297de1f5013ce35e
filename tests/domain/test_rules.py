"""The rules of a task, each refusal with its reason."""

from datetime import timedelta

import pytest

from domain.certificate import Algorithm, Source
from domain.connector import Scenario, Traits
from domain.errors import BadInput
from domain.resource import Binding
from domain.rules import (
    MOST_CONTACTS,
    check_change,
    check_contacts,
    check_sources,
    check_validity,
)
from tests.storage.examples import certificate, resource

OURS = certificate()
FORMER = Binding(name="former")


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


def test_certificates_of_one_task_have_one_source() -> None:
    check_sources([OURS, certificate("other")])
    shared = OURS.model_copy(update={"source": Source.SHARED})
    with pytest.raises(BadInput, match="shared, uploaded"):
        check_sources([OURS, shared])


def test_a_certificate_must_be_valid_when_the_plan_is_made() -> None:
    tick = timedelta(microseconds=1)
    assert check_validity(OURS, OURS.not_before) is None
    assert check_validity(OURS, OURS.not_after - tick) is None
    for moment in (OURS.not_before - tick, OURS.not_after):
        refusal = check_validity(OURS, moment)
        assert refusal is not None
        assert (refusal.subject, refusal.rule) == (OURS.name, "validity")
        assert f"{moment:%Y-%m-%d}" in refusal.reason


def test_what_a_service_takes_is_not_refused() -> None:
    first, update = traits(Scenario.FIRST), traits(Scenario.UPDATE)
    assert check_change(first, resource(), None, OURS) is None
    assert check_change(update, resource(), FORMER, OURS) is None


def test_a_resource_that_is_not_online_is_refused() -> None:
    stopped = resource().model_copy(update={"state": "stopped"})
    refusal = check_change(traits(*Scenario), stopped, FORMER, OURS)
    assert refusal is not None
    assert (refusal.rule, refusal.reason) == ("state", "the resource is stopped")


def test_an_algorithm_that_the_service_does_not_take_is_refused() -> None:
    taken = traits(*Scenario, algorithms=(Algorithm.SM2, Algorithm.RSA))
    refusal = check_change(taken, resource(), FORMER, OURS)
    assert refusal is not None
    assert refusal.rule == "algorithm"
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
    assert refusal.rule == "scenario"
    assert reason in refusal.reason
