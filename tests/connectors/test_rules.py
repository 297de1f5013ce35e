"""The rules name services that there are, and connectors offer what the rules allow."""

import pytest

import connectors
from domain.certificates.keys import Algorithm
from domain.plans.rules import LISTENERS, SAME_NAMES, SM_SERVICES
from domain.resources.connector import Scenario
from domain.resources.slots import PROVIDER

OURS = [name for name in connectors.list_services() if name.startswith(PROVIDER)]
FIRST = {"alibaba.cdn", "alibaba.dcdn"}
STORE = "alibaba.cas"


def test_every_service_of_a_rule_has_a_connector() -> None:
    assert set(OURS) >= LISTENERS | SAME_NAMES | SM_SERVICES | FIRST | {STORE}


@pytest.mark.parametrize("service", OURS)
def test_a_first_certificate_is_taken_where_the_console_deploys_one(service: str) -> None:
    wanted = {Scenario.UPDATE} | ({Scenario.FIRST} if service in FIRST else set())
    assert connectors.load_connector(service).scenarios == (set() if service == STORE else wanted)


@pytest.mark.parametrize("service", OURS)
def test_sm_certificates_are_offered_only_where_they_are_allowed(service: str) -> None:
    taken = connectors.load_connector(service).algorithms
    assert Algorithm.SM2 not in taken or service in SM_SERVICES | {STORE}


@pytest.mark.parametrize("service", sorted(SM_SERVICES))
def test_a_service_that_could_take_sm_certificates_and_does_not_says_why(service: str) -> None:
    traits = connectors.load_connector(service).get_traits(service)
    assert (Algorithm.SM2 in traits.algorithms) is (traits.no_sm2 is None)
