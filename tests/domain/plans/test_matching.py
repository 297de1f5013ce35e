"""Matching compared with a slow reference, and what a plan request selects and leaves out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.certificate import Certificate
from domain.certificates.hostnames import covers
from domain.errors import BadInput
from domain.plans.matching import match
from domain.plans.request import PlanRequest, check_plan_request
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, Resource
from tests.support.refusals import has_code
from tests.support.stored_examples import NOW, build_certificate

ALL = PlanRequest(certificates=("any",), all_matched=True)
LABELS = st.sampled_from(["a", "b", "www", "Shop", "bücher", "xn--bcher-kva", "例え", "x_y", "7"])
TAILS = st.sampled_from(["example.com", "EXAMPLE.com", "example.com.", "example", "b.example.com"])
WRITTEN = st.builds(
    lambda labels, tail: ".".join([*labels, tail]), st.lists(LABELS, max_size=3), TAILS
)
ODD = st.sampled_from(["192.0.2.1", "2001:db8::1", "", ".example.com", "*", "*.com", "a..b"])
HOSTS = WRITTEN | WRITTEN.map(lambda name: f"*.{name}") | ODD


def cert(number: int, names: Sequence[str], days: int = 0) -> Certificate:
    made = build_certificate(f"c{number}", f"{number:064x}")
    until = NOW + timedelta(days=90 + days)
    return made.model_copy(update={"names": tuple(names), "not_after": until})


def item(number: int, domains: Sequence[str], **more: object) -> InventoryItem:
    place = {"account": "main", "service": "alibaba.cdn", "key": f"r{number}"}
    resource = Resource.model_validate({**place, "domains": tuple(domains)})
    known: dict[str, object] = {"binding": None, "binding_known": False, "seen_at": NOW}
    return InventoryItem.model_validate({"resource": resource, **known, **more})


CERTIFICATES = st.lists(
    st.tuples(st.lists(HOSTS, max_size=4), st.integers(0, 2)), min_size=1, max_size=6
).map(lambda all_: [cert(number, names, days) for number, (names, days) in enumerate(all_)])
RESOURCES = st.lists(st.lists(HOSTS, max_size=3), max_size=6).map(
    lambda all_: [item(number, domains) for number, domains in enumerate(all_)]
)


def slowly(certificates: Sequence[Certificate], domains: Sequence[str]) -> Certificate | None:
    """Each certificate against each domain, one name at a time."""
    best: Certificate | None = None
    best_rank: tuple[int, datetime, str] | None = None
    for one in certificates:
        if not domains:
            break
        if not all(any(covers(name, domain) for name in one.names) for domain in domains):
            continue
        # A name is named as it is if each covers the other.
        exact = sum(
            any(covers(name, domain) and covers(domain, name) for name in one.names)
            for domain in domains
        )
        rank = exact, one.not_after, one.fingerprint
        if best_rank is None or rank > best_rank:
            best, best_rank = one, rank
    return best


@given(certificates=CERTIFICATES, items=RESOURCES)
def test_each_resource_gets_the_certificate_that_the_slow_reference_chooses(
    certificates: list[Certificate], items: list[InventoryItem]
) -> None:
    found = match(ALL, certificates, items)
    chosen = {each.resource.key: each.certificate for each in found.matches}
    expected = {
        each.resource.key: best
        for each in items
        if (best := slowly(certificates, each.resource.domains))
    }
    assert chosen == expected
    assert all(each.why for each in found.matches)
    assert found.refusals == []


@given(certificates=CERTIFICATES, items=RESOURCES)
def test_a_covered_resource_is_never_a_near_miss(
    certificates: list[Certificate], items: list[InventoryItem]
) -> None:
    found = match(ALL, certificates, items)
    left = len(items) - len(found.matches)
    assert sum(miss.resources for miss in found.near_misses) <= left
    for miss in found.near_misses:
        if miss.name is not None:
            assert not any(covers(miss.name, host) for host in miss.hosts)


def keys(request: PlanRequest, *items: InventoryItem) -> list[str]:
    return [
        each.resource.key for each in match(request, [cert(1, ["*.example.com"])], items).matches
    ]


ONE = item(1, ["a.example.com"], tags={"env": "prod"})
TWO = item(2, ["b.example.com"], tags={"env": "test"})


def test_filters_narrow_what_is_taken_and_alone_take_all_that_fit() -> None:
    prod = {"certificates": ("any",), "tags": ("env=prod",)}
    assert keys(PlanRequest.model_validate(prod), ONE, TWO) == ["r1"]
    assert keys(PlanRequest.model_validate({**prod, "all_matched": True}), ONE, TWO) == ["r1"]
    named = PlanRequest.model_validate({**prod, "resources": ("r1",)})
    assert keys(named, ONE, item(3, ["c.example.com"], tags={"env": "prod"})) == ["r1"]


def test_a_named_resource_that_a_filter_leaves_out_is_refused_with_the_reason() -> None:
    request = PlanRequest(certificates=("any",), resources=("r2",), tags=("env=prod",))
    (refusal,) = match(request, [cert(1, ["*.example.com"])], [ONE, TWO]).refusals
    assert (refusal.subject, refusal.code) == (TWO.resource.id, "filter")
    assert "env=prod" in refusal.reason


def test_known_bindings_are_filtered_and_unknown_ones_are_left_to_be_read() -> None:
    request = PlanRequest(certificates=("any",), serving=("aa",))
    serving = [
        item(n, ["a.example.com"], binding=Binding(fingerprint=f), binding_known=True)
        for n, f in ((1, "aa"), (2, "bb"))
    ]
    assert keys(request, *serving, item(3, ["a.example.com"])) == ["r1", "r3"]


def test_services_narrow_all_that_match() -> None:
    request = PlanRequest(certificates=("any",), all_matched=True, services=("alibaba.alb",))
    assert keys(request, ONE) == []


def test_a_plan_request_needs_targets_and_certificates() -> None:
    with pytest.raises(BadInput, check=has_code("no-target")):
        check_plan_request(PlanRequest(certificates=("any",), accounts=("main",)))
    with pytest.raises(BadInput, check=has_code("no-certificate")):
        check_plan_request(PlanRequest(certificates=(), services=("alibaba.cdn",)))
    check_plan_request(PlanRequest(certificates=(), all_matched=True))
    check_plan_request(
        PlanRequest(certificates=("any",), expiring_before=datetime(2030, 1, 1, tzinfo=UTC))
    )
