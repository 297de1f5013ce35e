"""The rules about names and listeners: what may take a certificate's place, and what is lost."""

import re

import pytest

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.plans.plan import Change, build_binding
from domain.plans.rules import (
    SAME_NAMES,
    check_change,
    check_coverage,
    check_listeners,
    coverage_warning,
    may_replace,
)
from domain.resources.connector import Scenario, Traits
from domain.resources.resource import Binding, Resource
from tests.support.stored_examples import NEW, OLD, certificate, resource

FORMER = Binding(name="former")


def takes(service: str) -> Traits:
    return Traits(
        service=service, scenarios=frozenset(Scenario), algorithms=frozenset({Algorithm.EC})
    )


def old(*names: str) -> Binding:
    return Binding(fingerprint=OLD, names=names)


def slot(service: str, *domains: str, kind: str = "default", port: int = 443) -> Resource:
    key = f"lb/{service}/{port}/{kind}"
    return Resource(account="main", service=service, key=key, domains=domains, slot=kind, port=port)


def named(*names: str, fingerprint: str = NEW) -> Certificate:
    return certificate(fingerprint=fingerprint).model_copy(update={"names": names})


@pytest.mark.parametrize("service", sorted(SAME_NAMES))
@pytest.mark.parametrize(
    ("before", "names", "missing"),
    [
        (old("example.com"), ["www.example.com"], None),
        (old("example.com"), ["*.example.com"], None),
        (old("example.com", "example.org"), ["example.org", "example.com", "b.net"], None),
        (old("www.example.com", "api.example.com"), ["www.example.com"], "api.example.com"),
        (old("*.example.com"), ["www.example.com"], r"\*\.example\.com"),
        (old(), ["other.example.com"], "host.example.com"),
    ],
)
def test_balancers_and_accelerators_take_only_what_has_the_former_names(
    service: str, before: Binding, names: list[str], missing: str | None
) -> None:
    place = slot(service, "host.example.com")
    refusal = check_change(takes(service), place, before, named(*names))
    if missing is None:
        assert refusal is None
        return
    assert refusal is not None
    assert refusal.code == "same-names"
    assert re.search(f"no name of shop is the same as or includes {missing}$", refusal.reason)


def test_other_services_and_first_certificates_need_no_former_names() -> None:
    other = named("www.example.org")
    assert check_change(takes("alibaba.cdn"), resource(), old("example.com"), other) is None
    assert check_change(takes("alibaba.alb"), slot("alibaba.alb"), None, other) is None


def test_only_a_default_slot_takes_what_merely_includes_its_names() -> None:
    below = named("www.example.com")
    assert may_replace(slot("alibaba.nlb", "example.com"), below)
    assert not may_replace(slot("alibaba.nlb", "example.org"), below)
    assert not may_replace(slot("alibaba.nlb", "example.com", kind="sni"), below)
    assert not may_replace(slot("alibaba.cdn", "example.com"), below)
    assert not may_replace(slot("alibaba.nlb"), below)


def swap(
    place: Resource, fingerprint: str, lock: str | None = "main/lb", before: Binding | None = None
) -> Change:
    after = build_binding(named("example.com", fingerprint=fingerprint))
    return Change(resource=place, before=before, after=after, store="s", lock=lock)


def test_two_certificates_for_the_default_slot_of_one_listener_are_refused() -> None:
    own, route = slot("alibaba.alb"), slot("alibaba.sae")
    found = check_listeners([swap(own, NEW), swap(route, OLD)])
    assert [each.subject for each in found] == [own.id, route.id]
    assert {each.code for each in found} == {"one-per-listener"}
    for part in (own.id, route.id, NEW[:12], OLD[:12]):
        assert part in found[0].reason


@pytest.mark.parametrize(
    "other",
    [
        swap(slot("alibaba.sae"), NEW),
        swap(slot("alibaba.sae", kind="sni"), OLD),
        swap(slot("alibaba.sae", port=8443), OLD),
        swap(slot("alibaba.sae"), OLD, lock="main/other"),
        swap(slot("alibaba.ga_listener"), OLD),
        swap(slot("alibaba.sae"), OLD, lock=None),
    ],
)
def test_the_same_certificate_or_another_slot_is_no_conflict(other: Change) -> None:
    assert check_listeners([swap(slot("alibaba.alb"), NEW), other]) == []


def test_who_insists_on_coverage_gets_a_refusal_for_each_name_that_is_lost() -> None:
    change = swap(resource(), NEW, before=old("example.com", "b.org", "a.org"))
    assert coverage_warning(change) == "names no longer covered: b.org, a.org"
    refusal = check_coverage(change)
    assert refusal is not None
    assert (refusal.subject, refusal.code) == (resource().id, "coverage")
    assert refusal.reason == coverage_warning(change)


def test_coverage_that_nobody_can_tell_is_refused_and_the_rest_is_not() -> None:
    unknown = check_coverage(swap(resource(), NEW, before=FORMER))
    assert unknown is not None
    assert "does not tell the names" in unknown.reason
    for before in (None, old("example.com")):
        change = swap(resource(), NEW, before=before)
        assert check_coverage(change) is None
        assert coverage_warning(change) is None
