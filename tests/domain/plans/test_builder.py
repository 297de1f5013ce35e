"""From a plan request to a plan: choices, refusals, unchanged resources, and the order."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.certificates.certificate import Certificate, Source
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.builder import (
    ChangeCandidate,
    build_plan,
    check_not_empty,
    sort_by_urgency,
)
from domain.plans.matching import Match, match
from domain.plans.near_misses import ONE_LABEL
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.request import PlanRequest
from domain.resources.connector import ChangeWarning, Scenario, Traits
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, Resource
from tests.support.factory import DAY as DAYS
from tests.support.refusals import has_code
from tests.support.stored_examples import NOW, OLD, build_certificate

SERVICE = "alibaba.cdn"
BOTH = frozenset({Scenario.FIRST, Scenario.UPDATE})
TRAITS = Traits(
    service=SERVICE, scenarios=BOTH, algorithms=frozenset({Algorithm.RSA, Algorithm.EC})
)
FORMER = Binding(fingerprint=OLD)
OUTAGE = ChangeWarning(code="short-outage", text="a short outage")


def cert(name: str, *names: str, fingerprint: str = "", **more: object) -> Certificate:
    made = build_certificate(name, fingerprint or (name[0] * 64))
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
    request: PlanRequest, certificates: list[Certificate], *items: InventoryItem
) -> dict[str, str]:
    """The name of the certificate for each resource that gets one."""
    found = match(request, certificates, items)
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


def test_a_plan_request_without_targets_is_refused() -> None:
    with pytest.raises(BadInput, check=has_code("no-target")):
        match(PlanRequest(certificates=(EXACT.fingerprint,)), [EXACT], [WWW])


def test_certificates_of_several_sources_are_refused() -> None:
    with pytest.raises(BadInput, check=has_code("several-sources")):
        match(ALL, [EXACT, cert("bought", "b.example.com", source=Source.OFFICIAL)], [WWW])


@pytest.mark.parametrize("name", [WWW.resource.key, WWW.resource.id])
def test_a_resource_is_named_by_key_or_id(name: str) -> None:
    request = PlanRequest(certificates=("any",), resources=(name,))
    assert chosen(request, [WILD], WWW, API) == {"www.example.com": "wild"}
    assert match(request, [WILD], [WWW])[0][0].named


def test_a_resource_that_is_not_in_the_inventory_is_refused_by_name() -> None:
    request = PlanRequest(certificates=("any",), resources=("www.example.com", "no.such"))
    with pytest.raises(BadInput, check=has_code("unknown-resource", "no.such")):
        match(request, [WILD], [WWW])


def test_accounts_and_services_narrow_the_choice() -> None:
    other = item("www.example.com", account="other")
    alb = item("api.example.com", service="alibaba.alb")
    mine = PlanRequest(certificates=("any",), accounts=("other",), all_matched=True)
    assert [m.resource.account for m in match(mine, [WILD], [WWW, other])[0]] == ["other"]
    balancers = PlanRequest(certificates=("any",), services=("alibaba.alb",))
    assert chosen(balancers, [WILD], WWW, alb) == {"api.example.com": "wild"}


def test_a_vanished_resource_is_selected_only_if_it_is_named() -> None:
    gone = item("www.example.com", gone=True)
    assert chosen(ALL, [WILD], gone) == {}
    named = PlanRequest(certificates=("any",), resources=("www.example.com",))
    assert chosen(named, [WILD], gone) == {"www.example.com": "wild"}


def test_a_named_resource_that_nothing_covers_is_refused_with_the_nearest_miss() -> None:
    request = PlanRequest(certificates=("any",), resources=("a.b.example.com", "none"))
    deep, nameless = item("a.b.example.com"), item(key="none")
    matches, refusals, _ = match(request, [WILD], [deep, nameless])
    assert matches == []
    assert [each.code for each in refusals] == ["names", "names"]
    assert ONE_LABEL in refusals[0].reason
    assert [each.subject for each in refusals] == [deep.resource.id, nameless.resource.id]


def test_a_resource_that_nobody_named_and_nothing_covers_is_passed_over() -> None:
    assert match(ALL, [WILD], [item("www.example.org")]) == ([], [], ())


def candidate(
    of: InventoryItem = WWW,
    before: Binding | None = FORMER,
    *,
    by: Certificate = EXACT,
    named: bool = False,
) -> ChangeCandidate:
    return ChangeCandidate(
        match=Match(resource=of.resource, certificate=by, named=named),
        before=before,
        store="alibaba.cas/cn",
        lock="main/lb",
        not_reversible="no copy exists",
        warnings=(OUTAGE,),
    )


def plan_of(*candidates: ChangeCandidate, refusals: tuple[Refusal, ...] = ()) -> Plan:
    return build_plan([EXACT, WILD], candidates, {SERVICE: TRAITS}, refusals, NOW)


def test_a_change_carries_all_that_its_candidate_knows() -> None:
    (change,) = plan_of(candidate()).changes
    assert (change.before, change.store, change.lock) == (FORMER, "alibaba.cas/cn", "main/lb")
    assert change.after is not None
    assert change.after.fingerprint == EXACT.fingerprint
    assert (change.cost, change.not_reversible) == (1, "no copy exists")
    assert change.warnings == (OUTAGE,)


def test_the_certificate_that_expires_first_is_replaced_first() -> None:
    def serving(key: str, days: int | None) -> ChangeCandidate:
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


def plan_of_vault(*candidates: ChangeCandidate) -> Plan:
    return build_plan([EXACT, WILD], candidates, {SERVICE: TRAITS}, (), NOW, whole_vault=True)


def test_a_plan_of_the_whole_vault_lists_only_the_certificates_that_it_uses() -> None:
    plan = plan_of_vault(candidate(by=WILD))
    assert plan.certificates == (WILD.fingerprint,)
    assert plan_of_vault().certificates == ()


def test_the_vault_replaces_a_certificate_that_expires_later_only_if_it_is_named() -> None:
    longer = Binding(fingerprint=OLD, not_after=EXACT.not_after + DAYS)
    (refusal,) = plan_of_vault(candidate(before=longer)).refusals
    assert refusal.code == "expires-sooner"
    assert len(plan_of_vault(candidate(before=longer, named=True)).changes) == 1
    assert len(plan_of(candidate(before=longer)).changes) == 1
    as_long = longer.model_copy(update={"not_after": EXACT.not_after})
    assert len(plan_of_vault(candidate(before=as_long)).changes) == 1


def test_the_reason_of_a_choice_is_in_the_plan_and_not_in_the_digest() -> None:
    explained = candidate()._replace(match=candidate().match._replace(why="it expires last"))
    assert plan_of(explained).changes[0].why == "it expires last"
    assert plan_of(explained).digest == plan_of(candidate()).digest


def test_a_certificate_that_fits_many_resources_is_refused_once() -> None:
    expired = cert("expired", "www.example.com", not_after=NOW)
    plan = plan_of(candidate(by=expired), candidate(API, by=expired))
    assert [each.subject for each in plan.refusals] == ["expired"]


def test_a_resource_that_already_serves_the_certificate_is_unchanged() -> None:
    plan = plan_of(candidate(before=Binding(fingerprint=EXACT.fingerprint)))
    assert plan.changes == ()
    assert plan.unchanged == (WWW.resource.id,)


def test_a_first_certificate_needs_a_named_resource() -> None:
    (refusal,) = plan_of(candidate(before=None)).refusals
    assert refusal.code == "first-deployment"
    assert len(plan_of(candidate(before=None, named=True)).changes) == 1


def test_a_first_certificate_that_the_service_does_not_take_is_refused_for_that() -> None:
    update = TRAITS.model_copy(update={"scenarios": frozenset({Scenario.UPDATE})})
    for named in (True, False):
        one = candidate(before=None, named=named)
        (refusal,) = build_plan([EXACT], [one], {SERVICE: update}, (), NOW).refusals
        assert refusal.code == "scenario"


def test_a_certificate_that_has_expired_is_refused() -> None:
    expired = cert("expired", "www.example.com", not_after=NOW)
    given = Refusal(subject="x", code=RefusalCode.READ, reason="no answer")
    plan = plan_of(candidate(by=expired), refusals=(given,))
    assert [each.code for each in plan.refusals] == ["read", "validity"]


def test_an_empty_plan_is_refused_with_the_reasons() -> None:
    check_not_empty(plan_of(candidate()))
    with pytest.raises(BadInput, check=has_code("all-refused", WWW.resource.id)):
        check_not_empty(plan_of(candidate(before=None)))
    with pytest.raises(BadInput, check=has_code("already-served", "1")):
        check_not_empty(plan_of(candidate(before=Binding(fingerprint=EXACT.fingerprint))))
    with pytest.raises(BadInput, check=has_code("no-match")):
        check_not_empty(plan_of())


NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def build_dated_change(number: int, account: str, service: str, hours: int | None) -> Change:
    before = None if hours is None else Binding(name="old", not_after=NOON + hours * HOUR)
    place = {"account": account, "service": service, "key": f"{number:03}"}
    return Change(
        resource=Resource.model_validate(place), before=before, after=Binding(name="n"), store="s"
    )


def day(change: Change) -> str:
    until = change.before.not_after if change.before else None
    return until.date().isoformat() if until else "unknown"


FACTS = st.tuples(
    st.sampled_from(["main", "shop"]),
    st.sampled_from(["alb", "cdn", "fc"]),
    st.none() | st.integers(0, 72),
)


@st.composite
def some_changes(draw: st.DrawFn) -> list[Change]:
    facts = draw(st.lists(FACTS, max_size=40))
    made = [build_dated_change(number, *each) for number, each in enumerate(facts)]
    return draw(st.permutations(made))


@given(some_changes())
def test_nothing_is_lost_and_the_order_is_always_the_same(changes: list[Change]) -> None:
    ordered = sort_by_urgency(changes)
    assert sorted(each.resource.id for each in ordered) == sorted(c.resource.id for c in changes)
    assert sort_by_urgency(reversed(changes)) == ordered


@given(some_changes())
def test_a_day_comes_after_the_days_before_it_and_the_unknown_last(changes: list[Change]) -> None:
    days = [day(each) for each in sort_by_urgency(changes)]
    assert all(one <= two for one, two in pairwise(days))  # a digit comes before a letter


@given(some_changes())
def test_within_a_day_the_services_alternate(
    changes: list[Change],
) -> None:
    for _, found in groupby(sort_by_urgency(changes), key=day):
        of_day = list(found)
        left: defaultdict[tuple[str, str], int] = defaultdict(int)
        for each in of_day:
            left[each.resource.account, each.resource.service] += 1
        had = dict.fromkeys(left, 0)
        for each in of_day:
            group = each.resource.account, each.resource.service
            assert had[group] == min(had[other] for other in had if had[other] < left[other])
            had[group] += 1


@given(some_changes())
def test_within_a_day_a_service_goes_by_the_hour(changes: list[Change]) -> None:
    last: dict[tuple[str, str, str], tuple[datetime, str]] = {}
    for each in sort_by_urgency(changes):
        until = each.before.not_after if each.before and each.before.not_after else NOON
        group = day(each), each.resource.account, each.resource.service
        assert last.get(group, (until, "")) <= (until, each.resource.id)
        last[group] = until, each.resource.id


def test_a_day_is_one_of_utc_however_a_time_is_written() -> None:
    abroad = timezone(3 * HOUR)
    late, early = build_dated_change(1, "main", "cdn", 10), build_dated_change(2, "main", "alb", 1)
    assert late.before is not None
    assert late.before.not_after is not None
    until = late.before.not_after.astimezone(abroad)  # 01:00 of the next day there
    written = late.model_copy(
        update={"before": late.before.model_copy(update={"not_after": until})}
    )
    same_day = build_dated_change(3, "main", "cdn", 2)
    ordered = sort_by_urgency([early, same_day, build_dated_change(4, "main", "alb", 11), written])
    assert [each.resource.key for each in ordered] == ["002", "003", "001", "004"]
