"""From a wish to a plan: what is chosen, what is refused and why, what serves already."""

import pytest

from domain.certificates.certificate import Certificate, Source
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.builder import Candidate, assemble, refuse_empty
from domain.plans.matching import Match, match
from domain.plans.plan import Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.request import PlanRequest
from domain.resources.connector import Scenario, Traits
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, Resource
from tests.support.factory import DAY as DAYS
from tests.support.stored_examples import NOW, OLD, certificate

SERVICE = "alibaba.cdn"
BOTH = frozenset({Scenario.FIRST, Scenario.UPDATE})
TRAITS = Traits(
    service=SERVICE, scenarios=BOTH, algorithms=frozenset({Algorithm.RSA, Algorithm.EC})
)
FORMER = Binding(fingerprint=OLD)


def cert(name: str, *names: str, fingerprint: str = "", **more: object) -> Certificate:
    made = certificate(name, fingerprint or (name[0] * 64))
    return made.model_copy(update={"names": names, **more})


def item(
    *domains: str, key: str = "", account: str = "main", service: str = SERVICE, gone: bool = False
) -> InventoryItem:
    resource = Resource(account=account, service=service, key=key or domains[0], domains=domains)
    return InventoryItem(
        resource=resource,
        binding=None,
        binding_known=False,
        seen_at=NOW,
        vanished_at=NOW if gone else None,
    )


WWW, API = item("www.example.com"), item("api.example.com")
EXACT = cert("exact", "www.example.com")
WILD = cert("wild", "*.example.com")


def chosen(
    wish: PlanRequest, certificates: list[Certificate], *items: InventoryItem
) -> dict[str, str]:
    """The name of the certificate for each resource that gets one."""
    found = match(wish, certificates, items)
    return {each.resource.key: each.certificate.name for each in found.matches}


ALL = PlanRequest(certificates=("any",), all_matched=True)


def test_the_certificate_that_names_a_resource_goes_before_the_one_that_covers_it() -> None:
    assert chosen(ALL, [WILD, EXACT], WWW, API) == {
        "www.example.com": "exact",
        "api.example.com": "wild",
    }


def test_of_equals_the_one_that_expires_last_is_taken() -> None:
    later = cert("later", "www.example.com", not_after=EXACT.not_after + DAYS)
    assert chosen(ALL, [later, EXACT], WWW) == {"www.example.com": "later"}


def test_a_wish_that_names_no_place_is_refused() -> None:
    with pytest.raises(BadInput, match="nothing says where"):
        match(PlanRequest(certificates=(EXACT.fingerprint,)), [EXACT], [WWW])


def test_certificates_of_several_sources_are_refused() -> None:
    with pytest.raises(BadInput, match=r"several sources.*: official, uploaded or shared"):
        match(ALL, [EXACT, cert("bought", "b.example.com", source=Source.OFFICIAL)], [WWW])


@pytest.mark.parametrize("name", [WWW.resource.key, WWW.resource.id])
def test_a_resource_is_named_by_key_or_id(name: str) -> None:
    wish = PlanRequest(certificates=("any",), resources=(name,))
    assert chosen(wish, [WILD], WWW, API) == {"www.example.com": "wild"}
    assert match(wish, [WILD], [WWW])[0][0].named


def test_a_name_that_is_in_no_inventory_is_refused_and_told() -> None:
    wish = PlanRequest(certificates=("any",), resources=("www.example.com", "no.such"))
    with pytest.raises(BadInput, match=r"not in the inventory: no\.such\."):
        match(wish, [WILD], [WWW])


def test_accounts_and_services_narrow_the_choice() -> None:
    other = item("www.example.com", account="other")
    alb = item("api.example.com", service="alibaba.alb")
    mine = PlanRequest(certificates=("any",), accounts=("other",), all_matched=True)
    assert [m.resource.account for m in match(mine, [WILD], [WWW, other])[0]] == ["other"]
    balancers = PlanRequest(certificates=("any",), services=("alibaba.alb",))
    assert chosen(balancers, [WILD], WWW, alb) == {"api.example.com": "wild"}


def test_what_has_vanished_is_taken_only_when_it_is_named() -> None:
    gone = item("www.example.com", gone=True)
    assert chosen(ALL, [WILD], gone) == {}
    named = PlanRequest(certificates=("any",), resources=("www.example.com",))
    assert chosen(named, [WILD], gone) == {"www.example.com": "wild"}


def test_a_named_resource_that_nothing_covers_is_refused_with_the_nearest_miss() -> None:
    wish = PlanRequest(certificates=("any",), resources=("a.b.example.com", "none"))
    deep, nameless = item("a.b.example.com"), item(key="none")
    matches, refusals, _ = match(wish, [WILD], [deep, nameless])
    assert matches == []
    assert [each.code for each in refusals] == ["names", "names"]
    assert "exactly one label" in refusals[0].reason
    assert refusals[1].reason == "it has no names"


def test_a_resource_that_nobody_named_and_nothing_covers_is_passed_over() -> None:
    assert match(ALL, [WILD], [item("www.example.org")]) == ([], [], ())


def candidate(
    of: InventoryItem = WWW,
    before: Binding | None = FORMER,
    *,
    by: Certificate = EXACT,
    named: bool = False,
) -> Candidate:
    return Candidate(
        match=Match(resource=of.resource, certificate=by, named=named),
        before=before,
        store="alibaba.cas/cn",
        lock="main/lb",
        not_reversible="nobody kept it",
        warnings=("a short outage",),
    )


def plan_of(*candidates: Candidate, refusals: tuple[Refusal, ...] = ()) -> Plan:
    return assemble([EXACT, WILD], candidates, {SERVICE: TRAITS}, refusals, NOW)


def test_a_change_carries_all_that_its_candidate_knows() -> None:
    (change,) = plan_of(candidate()).changes
    assert (change.before, change.store, change.lock) == (FORMER, "alibaba.cas/cn", "main/lb")
    assert change.after is not None
    assert change.after.fingerprint == EXACT.fingerprint
    assert (change.cost, change.not_reversible) == (1, "nobody kept it")
    assert change.warnings == ("a short outage",)


def test_what_is_served_the_shortest_comes_first_whoever_answered_first() -> None:
    def serving(key: str, days: int | None) -> Candidate:
        until = None if days is None else NOW + days * DAYS
        return candidate(
            item("www.example.com", key=key), Binding(fingerprint=OLD, not_after=until)
        )

    days = {"d": 1, "b": 2, "c": 2, "a": None}
    candidates = [serving(*each) for each in days.items()]
    off = candidate(item("www.example.com", key="0"), before=None, named=True)
    plan = plan_of(*candidates, off)
    assert [each.resource.key for each in plan.changes] == ["d", "b", "c", "0", "a"]
    assert plan == plan_of(off, *reversed(candidates))
    assert plan.digest == plan_of(off, *reversed(candidates)).digest
    assert plan.certificates == tuple(sorted([EXACT.fingerprint, WILD.fingerprint]))


def of_the_vault(*candidates: Candidate) -> Plan:
    return assemble([EXACT, WILD], candidates, {SERVICE: TRAITS}, (), NOW, of_the_vault=True)


def test_of_the_vault_only_what_is_used_belongs_to_the_plan() -> None:
    plan = of_the_vault(candidate(by=WILD))
    assert plan.certificates == (WILD.fingerprint,)
    assert of_the_vault().certificates == ()


def test_the_vault_does_not_replace_what_lasts_longer_unless_it_is_named() -> None:
    longer = Binding(fingerprint=OLD, not_after=EXACT.not_after + DAYS)
    (refusal,) = of_the_vault(candidate(before=longer)).refusals
    assert refusal.code == "expires-sooner"
    assert len(of_the_vault(candidate(before=longer, named=True)).changes) == 1
    assert len(plan_of(candidate(before=longer)).changes) == 1
    as_long = longer.model_copy(update={"not_after": EXACT.not_after})
    assert len(of_the_vault(candidate(before=as_long)).changes) == 1


def test_why_a_certificate_was_chosen_is_told_and_changes_no_digest() -> None:
    told = candidate()._replace(match=candidate().match._replace(why="it expires last"))
    assert plan_of(told).changes[0].why == "it expires last"
    assert plan_of(told).digest == plan_of(candidate()).digest


def test_a_certificate_that_fits_many_resources_is_refused_once() -> None:
    expired = cert("expired", "www.example.com", not_after=NOW)
    plan = plan_of(candidate(by=expired), candidate(API, by=expired))
    assert [each.subject for each in plan.refusals] == ["expired"]


def test_what_serves_the_certificate_already_stays_as_it_is() -> None:
    plan = plan_of(candidate(before=Binding(fingerprint=EXACT.fingerprint)))
    assert plan.changes == ()
    assert plan.unchanged == (WWW.resource.id,)


def test_a_first_certificate_is_set_only_where_the_resource_was_named() -> None:
    (refusal,) = plan_of(candidate(before=None)).refusals
    assert refusal.code == "first-deployment"
    assert len(plan_of(candidate(before=None, named=True)).changes) == 1


def test_a_first_certificate_that_the_service_does_not_take_is_refused_for_that() -> None:
    update = TRAITS.model_copy(update={"scenarios": frozenset({Scenario.UPDATE})})
    for named in (True, False):
        one = candidate(before=None, named=named)
        (refusal,) = assemble([EXACT], [one], {SERVICE: update}, (), NOW).refusals
        assert refusal.code == "scenario"


def test_a_certificate_out_of_its_time_is_refused() -> None:
    expired = cert("expired", "www.example.com", not_after=NOW)
    given = Refusal(subject="x", code=RefusalCode.READ, reason="no answer")
    plan = plan_of(candidate(by=expired), refusals=(given,))
    assert [each.code for each in plan.refusals] == ["read", "validity"]


def test_an_empty_plan_is_refused_with_the_reasons() -> None:
    refuse_empty(plan_of(candidate()))
    with pytest.raises(BadInput, match=r"changed \(main/alibaba\.cdn/www\.example\.com: it has"):
        refuse_empty(plan_of(candidate(before=None)))
    with pytest.raises(BadInput, match="1 resources serve these certificates already"):
        refuse_empty(plan_of(candidate(before=Binding(fingerprint=EXACT.fingerprint))))
    with pytest.raises(BadInput, match="no resource matches"):
        refuse_empty(plan_of())
