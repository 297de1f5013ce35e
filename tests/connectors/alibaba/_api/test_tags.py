"""Tags, from the products whose listings tell them."""

from typing import Any

import pytest

from connectors.alibaba._api.tags import to_tags
from tests.connectors.alibaba import ga_resources
from tests.connectors.lab import Lab, list_all
from tests.connectors.store_contract import HOST

OTHER = "other.example.com"
GIVEN = {"env": "prod", "empty": ""}


def list_tags(lab: Lab, service: str) -> list[dict[str, str]]:
    return [found.tags for found in list_all(lab.connector(service))]


@pytest.mark.parametrize("product", ["alb", "nlb"])
def test_all_slots_of_a_listener_have_its_tags(lab: Lab, product: str) -> None:
    one = {"certificate": lab.issue(HOST).seed, "additional": [lab.issue(OTHER).seed]}
    lab.cloud.seed(product, account=lab.account, listeners=[{**one, "tags": GIVEN}])
    assert list_tags(lab, f"alibaba.{product}") == [GIVEN, GIVEN]


def test_the_classic_load_balancer_has_other_words_for_them(lab: Lab) -> None:
    one = {"certificate": lab.issue(HOST).seed, "domains": {OTHER: lab.issue(OTHER).seed}}
    lab.cloud.seed("clb", account=lab.account, listeners=[{**one, "tags": GIVEN}])
    assert list_tags(lab, "alibaba.clb") == [GIVEN, GIVEN]


@pytest.mark.parametrize("service", ["alibaba.ga_listener", "alibaba.ga_domain"])
def test_the_tags_of_an_accelerator_are_those_of_its_slots(lab: Lab, service: str) -> None:
    additional = [{"domain": OTHER, "certificate": lab.issue(OTHER).seed}]
    listener = ga_resources.build_listener(lab.issue(HOST), additional=additional)
    ga_resources.create_accelerator(lab, listener, tags=GIVEN)
    assert list_tags(lab, service) == [GIVEN]


def test_the_tags_of_an_api_group_are_those_of_its_domains(lab: Lab) -> None:
    domain: dict[str, Any] = {"name": HOST, "certificate": lab.issue(HOST).seed}
    groups: list[dict[str, Any]] = [
        {"id": "g1", "domains": [domain], "tags": GIVEN},
        {"id": "g2", "domains": [domain]},
    ]
    lab.cloud.seed("api_gateway", account=lab.account, groups=groups)
    assert list_tags(lab, "alibaba.api_gateway") == [GIVEN, {}]


def test_what_is_no_tag_is_passed_over() -> None:
    assert to_tags(None) == {}
    assert to_tags([{"Key": "a", "Value": None}, {"Value": "lost"}]) == {"a": ""}
