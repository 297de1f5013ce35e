"""Which kind of certificate a slot takes, and which one is chosen for it."""

import pytest

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.certificates.name_index import NameIndex
from domain.plans.matching import match
from domain.plans.request import PlanRequest
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Resource
from domain.resources.slots import choose_certificate, may_take
from tests.support.stored_examples import NOW, build_certificate, build_resource

USUAL = build_certificate("usual").model_copy(update={"names": ("host0.example.com",)})
PAIR = USUAL.model_copy(
    update={"name": "pair", "fingerprint": "fe" * 32, "algorithm": Algorithm.SM2}
)
DOMAIN = build_resource()
SLOT = DOMAIN.model_copy(update={"key": f"{DOMAIN.key}/sm", "slot": "sm"})
ELSEWHERE = DOMAIN.model_copy(update={"service": "other.proxy"})


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_pair_goes_to_its_own_slot_and_everything_else_to_the_others(
    algorithm: Algorithm,
) -> None:
    pair = algorithm is Algorithm.SM2
    assert may_take(SLOT, algorithm) is pair
    assert may_take(DOMAIN, algorithm) is not pair
    assert may_take(ELSEWHERE, algorithm)


@pytest.mark.parametrize(
    ("given", "resource", "expected"),
    [
        ((USUAL, PAIR), DOMAIN, (USUAL, True)),
        ((USUAL, PAIR), SLOT, (PAIR, True)),
        ((PAIR,), DOMAIN, (PAIR, False)),
        ((USUAL,), SLOT, (USUAL, False)),
        ((), SLOT, (None, False)),
    ],
)
def test_the_best_certificate_is_chosen_among_those_that_the_slot_takes(
    given: tuple[Certificate, ...], resource: Resource, expected: tuple[Certificate | None, bool]
) -> None:
    choice, fits = choose_certificate(resource, NameIndex(given))
    assert (choice and choice.certificate, fits) == expected


def matched(*given: Certificate, resources: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    request = PlanRequest(
        certificates=tuple(each.fingerprint for each in given),
        resources=resources,
        all_matched=not resources,
    )
    items = [
        InventoryItem(resource=resource, binding=None, binding_known=True, seen_at=NOW)
        for resource in (DOMAIN, SLOT)
    ]
    found = match(request, given, items).matches
    return [(each.resource.key, each.certificate.name) for each in found]


def test_each_slot_gets_its_kind() -> None:
    both = [(DOMAIN.key, "usual"), (SLOT.key, "pair")]
    assert matched(USUAL, PAIR) == both
    assert matched(USUAL, PAIR, resources=(DOMAIN.key, SLOT.key)) == both


def test_slots_of_another_kind_are_left_out() -> None:
    assert matched(USUAL) == [(DOMAIN.key, "usual")]
    assert matched(PAIR) == [(SLOT.key, "pair")]


def test_a_named_slot_or_a_certificate_without_a_match_is_not_left_out() -> None:
    assert matched(USUAL, resources=(SLOT.key,)) == [(SLOT.key, "usual")]
    other = USUAL.model_copy(update={"names": ("other.example.com",)})
    alone = PAIR.model_copy(update={"algorithm": Algorithm.RSA, "name": "alone"})
    assert matched(other, resources=(DOMAIN.key,)) == []
    assert matched(alone, resources=(SLOT.key,)) == [(SLOT.key, "alone")]
