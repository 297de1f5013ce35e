"""Which additional certificate is whose, as a pure rule."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.alibaba._bases.additional_certificates import (
    AdditionalSlot,
    build_slots,
    find_current,
    may_remove,
)

NAMES = {
    "1-cn-hangzhou": ("a.example.com",),
    "2-cn-hangzhou": ("b.example.com",),
    "3-cn-hangzhou": ("*.example.com",),
    "4-cn-hangzhou": ("a.example.com", "b.example.com"),
    "5-cn-hangzhou": (),
    "6-cn-hangzhou": ("a.example.com",),
}
SETS = st.lists(st.sampled_from(sorted(NAMES)), unique=True)


def names(identifier: str) -> tuple[str, ...]:
    return NAMES[identifier]


def slot(called: str, added: list[str]) -> AdditionalSlot:
    (found,) = [one for one in build_slots(added, names) if one.name == called]
    return found


@given(SETS)
def test_every_certificate_is_in_or_beside_each_slot_and_slots_are_called_apart(
    added: list[str],
) -> None:
    found = build_slots(added, names)
    assert len({one.name for one in found}) == len(found)
    assert {one.former for one in found} <= set(added)
    for one in found:
        assert find_current(one, added, names) == one.former
        assert one.former not in one.beside


@given(SETS, SETS)
def test_nothing_that_stood_beside_may_be_removed(before: list[str], added: list[str]) -> None:
    for one in build_slots(before, names):
        assert not any(may_remove(one, other, added, names) for other in one.beside)


def test_a_wildcard_beside_is_not_taken_for_the_slot_s_own() -> None:
    before = ["1-cn-hangzhou", "3-cn-hangzhou"]
    assert find_current(slot("a.example.com", before), before, names) == "1-cn-hangzhou"


def test_a_successor_with_another_first_name_is_found_once_the_former_is_gone() -> None:
    own = slot("b.example.com", ["2-cn-hangzhou"])
    assert find_current(own, ["2-cn-hangzhou", "4-cn-hangzhou"], names) == "2-cn-hangzhou"
    assert find_current(own, ["3-cn-hangzhou", "4-cn-hangzhou"], names) == "4-cn-hangzhou"


def test_a_certificate_that_the_store_does_not_know_is_called_by_its_identifier() -> None:
    (own,) = build_slots(["5-cn-hangzhou"], names)
    assert (own.name, own.domains) == ("5-cn-hangzhou", ())
    assert find_current(own, ["3-cn-hangzhou"], names) is None


def test_what_has_taken_over_for_others_stays() -> None:
    own = slot("a.example.com", ["1-cn-hangzhou", "2-cn-hangzhou"])
    wildcard = "3-cn-hangzhou"
    assert not may_remove(own, wildcard, ["1-cn-hangzhou", wildcard], names)
    assert may_remove(own, wildcard, ["1-cn-hangzhou", "4-cn-hangzhou", wildcard], names)
    assert may_remove(own, wildcard, ["1-cn-hangzhou", "2-cn-hangzhou", wildcard], names)
