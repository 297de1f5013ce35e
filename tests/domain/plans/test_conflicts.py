"""Conflicts between the changes of a plan, and the rules of listeners within one."""

import pytest

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.plans.builder import ChangeCandidate, build_plan
from domain.plans.matching import Match, match
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.resources.connector import ChangeWarning, Scenario, Traits
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, Resource
from tests.support.stored_examples import NOW, OLD, build_certificate

ALB, CDN, SAE = "alibaba.alb", "alibaba.cdn", "alibaba.sae"
TRAITS = {
    service: Traits(
        service=service,
        scenarios=frozenset({Scenario.UPDATE}),
        algorithms=frozenset({Algorithm.EC}),
    )
    for service in (ALB, CDN, SAE)
}
SLOW = ChangeWarning(code="slow", text="it is slow")
LATER = NOW.replace(year=NOW.year + 1)


def cert(name: str, *names: str, **more: object) -> Certificate:
    made = build_certificate(name, name[0] * 64)
    return made.model_copy(update={"names": names, **more})


def build_resource(service: str, *domains: str, slot: str = "default", key: str = "") -> Resource:
    key = key or f"{service}/443/{slot}"
    return Resource(account="main", service=service, key=key, domains=domains, slot=slot)


def candidate(
    resource: Resource, by: Certificate, *names: str, fingerprint: str = OLD
) -> ChangeCandidate:
    return ChangeCandidate(
        match=Match(resource=resource, certificate=by, named=True),
        before=Binding(fingerprint=fingerprint, names=names),
        store="s",
        lock="main/lb",
        warnings=(SLOW,),
    )


def plan_of(*candidates: ChangeCandidate, require_coverage: bool = False) -> Plan:
    certificates = {each.match.certificate for each in candidates}
    return build_plan(
        list(certificates), candidates, TRAITS, (), NOW, require_coverage=require_coverage
    )


APEX, WWW = cert("apex", "example.com"), cert("www", "www.example.com")


def test_a_listener_that_sae_manages_is_changed_through_sae_alone() -> None:
    sni = candidate(build_resource(ALB, "www.example.com", slot="sni"), WWW, "www.example.com")
    listener = candidate(build_resource(ALB, "example.com"), APEX, "example.com")
    route = candidate(build_resource(SAE, "www.example.com"), WWW, "example.com")
    plan = plan_of(listener, route, sni)
    assert [change.resource.id for change in plan.changes] == [route.match.resource.id]
    assert [refusal.code for refusal in plan.refusals] == ["managed-by-sae"] * 2
    assert route.match.resource.id in plan.refusals[0].reason
    assert len(plan_of(listener, sni).changes) == 2
    elsewhere = route._replace(lock="main/other")
    assert len(plan_of(listener, elsewhere, sni).changes) == 3


def test_two_routes_on_one_listener_get_one_certificate() -> None:
    first = candidate(build_resource(SAE, "www.example.com"), WWW, "example.com")
    second = candidate(build_resource(SAE, "example.com", key="second"), APEX, "example.com")
    plan = plan_of(first, second)
    assert plan.changes == ()
    assert [refusal.code for refusal in plan.refusals] == ["one-per-listener"] * 2


@pytest.mark.parametrize("serves_it", [True, False])
def test_an_additional_certificate_is_not_the_default_one_again(serves_it: bool) -> None:
    default = candidate(
        build_resource(ALB, "www.example.com"),
        WWW,
        "www.example.com",
        fingerprint=WWW.fingerprint if serves_it else OLD,
    )
    sni = candidate(build_resource(ALB, "www.example.com", slot="sni"), WWW, "www.example.com")
    plan = plan_of(default, sni)
    assert len(plan.changes) == (0 if serves_it else 1)
    (refusal,) = plan.refusals
    assert (refusal.subject, refusal.code) == (sni.match.resource.id, "once-per-listener")
    assert default.match.resource.id in refusal.reason
    other_port = sni._replace(
        match=sni.match._replace(resource=sni.match.resource.model_copy(update={"port": 8443}))
    )
    assert plan_of(default, other_port).refusals == ()


def test_a_route_does_not_replace_what_the_listener_already_serves() -> None:
    listener = candidate(
        build_resource(ALB, "example.com"), APEX, "example.com", fingerprint=APEX.fingerprint
    )
    route = candidate(build_resource(SAE, "www.example.com"), WWW, "example.com")
    plan = plan_of(listener, route)
    assert plan.changes == ()
    assert plan.unchanged == (listener.match.resource.id,)
    assert [refusal.subject for refusal in plan.refusals] == [route.match.resource.id]


def test_a_listener_that_is_named_takes_a_certificate_that_includes_its_names() -> None:
    inventory = [
        InventoryItem(
            resource=build_resource(ALB, "example.com"),
            binding=None,
            binding_known=False,
            seen_at=NOW,
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
    lost = ChangeWarning(code="names-lost", text="names no longer covered: example.com")
    assert change.warnings == (lost, SLOW)


def test_a_listener_does_not_take_a_certificate_for_other_names() -> None:
    other = cert("other", "www.example.com", "example.org")
    one = candidate(
        build_resource(ALB, "www.example.com"), other, "www.example.com", "api.example.com"
    )
    (refusal,) = plan_of(one).refusals
    assert refusal.code == "same-names"


@pytest.mark.parametrize(
    ("former", "required", "changes", "codes"),
    [
        (("www.example.com",), True, 1, []),
        (("*.example.com",), False, 1, []),
        (("*.example.com",), True, 0, ["coverage"]),
        ((), False, 1, []),
        ((), True, 0, ["coverage"]),
    ],
)
def test_a_lost_name_is_a_warning_or_with_required_coverage_a_refusal(
    former: tuple[str, ...], required: bool, changes: int, codes: list[str]
) -> None:
    one = candidate(build_resource(CDN, "www.example.com"), WWW, *former)
    plan = plan_of(one, require_coverage=required)
    assert (len(plan.changes), [each.code for each in plan.refusals]) == (changes, codes)
    for change in plan.changes:
        assert (change.warnings == (SLOW,)) is (former != ("*.example.com",))


@pytest.mark.parametrize(("kind", "expected"), [("alb", 1), ("clb", 2)])
def test_an_additional_certificate_on_a_route_of_alb_is_not_the_default_one_again(
    kind: str, expected: int
) -> None:
    """ALB would show it for the default names too, and hide the default certificate."""
    default, sni = (
        candidate(
            build_resource(SAE, "www.example.com", slot=slot).model_copy(
                update={"detail": {"kind": kind}}
            ),
            WWW,
            "www.example.com",
        )
        for slot in ("default", "sni")
    )
    plan = plan_of(default, sni)
    assert len(plan.changes) == expected
    assert [each.code for each in plan.refusals] == ["once-per-listener"] * (2 - expected)
