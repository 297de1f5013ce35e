"""The rules at work in a plan: listeners, former names, coverage."""

import pytest

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.builder import Candidate, assemble
from domain.plans.matching import Match, match
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.resources.connector import Scenario, Traits
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, Resource
from tests.support.stored_examples import NOW, OLD, certificate

ALB, CDN, SAE = "alibaba.alb", "alibaba.cdn", "alibaba.sae"
TRAITS = {
    service: Traits(
        service=service,
        scenarios=frozenset({Scenario.UPDATE}),
        algorithms=frozenset({Algorithm.EC}),
    )
    for service in (ALB, CDN, SAE)
}
LATER = NOW.replace(year=NOW.year + 1)


def cert(name: str, *names: str, **more: object) -> Certificate:
    made = certificate(name, name[0] * 64)
    return made.model_copy(update={"names": names, **more})


def place(service: str, *domains: str, slot: str = "default", key: str = "") -> Resource:
    key = key or f"{service}/443/{slot}"
    return Resource(account="main", service=service, key=key, domains=domains, slot=slot)


def candidate(
    resource: Resource, by: Certificate, *names: str, fingerprint: str = OLD
) -> Candidate:
    return Candidate(
        match=Match(resource=resource, certificate=by, named=True),
        before=Binding(fingerprint=fingerprint, names=names),
        store="s",
        lock="main/lb",
        warnings=("it is slow",),
    )


def plan_of(*candidates: Candidate, require_coverage: bool = False) -> Plan:
    certificates = {each.match.certificate for each in candidates}
    return assemble(
        list(certificates), candidates, TRAITS, (), NOW, require_coverage=require_coverage
    )


APEX, WWW = cert("apex", "example.com"), cert("www", "www.example.com")


def test_a_listener_that_sae_manages_is_changed_through_sae_alone() -> None:
    sni = candidate(place(ALB, "www.example.com", slot="sni"), WWW, "www.example.com")
    listener = candidate(place(ALB, "example.com"), APEX, "example.com")
    route = candidate(place(SAE, "www.example.com"), WWW, "example.com")
    plan = plan_of(listener, route, sni)
    assert [change.resource.id for change in plan.changes] == [route.match.resource.id]
    assert [refusal.code for refusal in plan.refusals] == ["managed-by-sae"] * 2
    assert f"change it through SAE ({route.match.resource.id})" in plan.refusals[0].reason
    assert len(plan_of(listener, sni).changes) == 2
    elsewhere = route._replace(lock="main/other")
    assert len(plan_of(listener, elsewhere, sni).changes) == 3


def test_two_routes_on_one_listener_get_one_certificate() -> None:
    first = candidate(place(SAE, "www.example.com"), WWW, "example.com")
    second = candidate(place(SAE, "example.com", key="second"), APEX, "example.com")
    plan = plan_of(first, second)
    assert plan.changes == ()
    assert [refusal.code for refusal in plan.refusals] == ["one-per-listener"] * 2


@pytest.mark.parametrize("serves_it", [True, False])
def test_an_additional_certificate_is_not_the_default_one_again(serves_it: bool) -> None:
    default = candidate(
        place(ALB, "www.example.com"),
        WWW,
        "www.example.com",
        fingerprint=WWW.fingerprint if serves_it else OLD,
    )
    sni = candidate(place(ALB, "www.example.com", slot="sni"), WWW, "www.example.com")
    plan = plan_of(default, sni)
    assert len(plan.changes) == (0 if serves_it else 1)
    (refusal,) = plan.refusals
    assert (refusal.subject, refusal.code) == (sni.match.resource.id, "once-per-listener")
    assert default.match.resource.id in refusal.reason
    other_port = sni._replace(
        match=sni.match._replace(resource=sni.match.resource.model_copy(update={"port": 8443}))
    )
    assert plan_of(default, other_port).refusals == ()


def test_what_a_listener_serves_already_is_not_taken_from_it_by_the_other_way() -> None:
    listener = candidate(
        place(ALB, "example.com"), APEX, "example.com", fingerprint=APEX.fingerprint
    )
    route = candidate(place(SAE, "www.example.com"), WWW, "example.com")
    plan = plan_of(listener, route)
    assert plan.changes == ()
    assert plan.unchanged == (listener.match.resource.id,)
    assert [refusal.subject for refusal in plan.refusals] == [route.match.resource.id]


def test_a_listener_that_is_named_takes_a_certificate_that_includes_its_names() -> None:
    inventory = [
        InventoryItem(
            resource=place(ALB, "example.com"), binding=None, binding_known=False, seen_at=NOW
        )
    ]
    named = PlanRequest(certificates=("any",), resources=(inventory[0].resource.id,))
    later = cert("later", "*.example.com", not_after=LATER)
    matches, refusals, _ = match(named, [WWW, later], inventory)
    assert [each.certificate for each in matches] == [later]
    assert refusals == []
    everything = PlanRequest(certificates=("any",), all_matched=True)
    assert match(everything, [WWW, later], inventory).matches == []
    (change,) = plan_of(candidate(inventory[0].resource, later, "example.com")).changes
    assert change.warnings == ("names no longer covered: example.com", "it is slow")


def test_a_listener_does_not_take_a_certificate_for_other_names() -> None:
    other = cert("other", "www.example.com", "example.org")
    one = candidate(place(ALB, "www.example.com"), other, "www.example.com", "api.example.com")
    (refusal,) = plan_of(one).refusals
    assert refusal.code == "same-names"


@pytest.mark.parametrize(
    ("former", "insists", "changes", "rules"),
    [
        (("www.example.com",), True, 1, []),
        (("*.example.com",), False, 1, []),
        (("*.example.com",), True, 0, ["coverage"]),
        ((), False, 1, []),
        ((), True, 0, ["coverage"]),
    ],
)
def test_a_name_that_is_lost_is_a_warning_and_a_refusal_for_who_insists(
    former: tuple[str, ...], insists: bool, changes: int, rules: list[str]
) -> None:
    one = candidate(place(CDN, "www.example.com"), WWW, *former)
    plan = plan_of(one, require_coverage=insists)
    assert (len(plan.changes), [each.code for each in plan.refusals]) == (changes, rules)
    for change in plan.changes:
        assert (change.warnings == ("it is slow",)) is (former != ("*.example.com",))


def test_a_certificate_with_a_chinese_name_makes_no_plan() -> None:
    with pytest.raises(BadInput, match="Chinese character"):
        match(
            PlanRequest(certificates=("any",), all_matched=True),
            [cert("\u8bc1", "example.com")],
            [],
        )


@pytest.mark.parametrize(("kind", "expected"), [("alb", 1), ("clb", 2)])
def test_neither_is_it_on_a_route_that_lies_on_alb(kind: str, expected: int) -> None:
    """There it would be shown for the default names too, and hide what the default slot serves."""
    default, sni = (
        candidate(
            place(SAE, "www.example.com", slot=slot).model_copy(update={"detail": {"kind": kind}}),
            WWW,
            "www.example.com",
        )
        for slot in ("default", "sni")
    )
    plan = plan_of(default, sni)
    assert len(plan.changes) == expected
    assert [each.code for each in plan.refusals] == ["once-per-listener"] * (2 - expected)
