"""The numbers of checks, what becomes of findings, and which changes they are about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.preflight.checks import CHECK_BY_NUMBER, CHECKS, CheckPolicy
from domain.preflight.finding import Finding, CheckPolicies, build_finding, parse_policies
from domain.resources.resource import Binding, Resource

NUMBERS = st.sampled_from([check.number for check in CHECKS])


def change(key: str = "www.example.com", fingerprint: str = "ab" * 32) -> Change:
    resource = Resource(account="main", service="alibaba.cdn", key=key)
    after = Binding(fingerprint=fingerprint)
    return Change(resource=resource, before=None, after=after, store="alibaba.cas/cn")


def test_numbers_and_names_are_used_once_and_in_order() -> None:
    assert [check.number for check in CHECKS] == [f"C{n:02}" for n in range(1, len(CHECKS) + 1)]
    assert len({check.name for check in CHECKS}) == len(CHECKS)


@given(st.dictionaries(NUMBERS, st.sampled_from(CheckPolicy)))
def test_what_was_said_last_holds_for_a_check_and_the_default_for_all_others(
    said: dict[str, CheckPolicy],
) -> None:
    policies = CheckPolicies(dict.fromkeys(said, CheckPolicy.OFF), said)
    for number, check in CHECK_BY_NUMBER.items():
        holds = said.get(number, check.policy)
        assert policies.is_any_on(number) == (holds is not CheckPolicy.OFF)
        judged = policies.apply([build_finding(number, "it", "wrong")])
        assert [each.refused for each in judged] == (
            [] if holds is CheckPolicy.OFF else [holds is CheckPolicy.REFUSE]
        )


def test_findings_are_told_by_number() -> None:
    told = CheckPolicies().apply([build_finding("C13", "a", "x"), build_finding("C01", "b", "y")])
    assert [each.check for each in told] == ["C01", "C13"]


def test_policies_are_read_from_words_of_any_case_one_by_one_or_with_commas() -> None:
    told = parse_policies(["c07=WARN, C09=refuse", "C12=off", ""], "--check")
    assert told == {"C07": CheckPolicy.WARN, "C09": CheckPolicy.REFUSE, "C12": CheckPolicy.OFF}


@pytest.mark.parametrize("text", ["C99=warn", "C07", "C07=maybe", "=warn", "C07:warn"])
def test_what_is_no_policy_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_policies([text], "--check")
    assert caught.value.where == "--check"
    assert "C01 to C" in str(caught.value)
    assert "refuse, warn, off" in str(caught.value)


def test_a_finding_without_a_place_is_about_every_change() -> None:
    assert build_finding("C17", "the task", "closed").covers(change())


@pytest.mark.parametrize(
    ("place", "covers"),
    [
        ({"certificate": "ab" * 32}, True),
        ({"certificate": "cd" * 32}, False),
        ({"account": "main", "service": "alibaba.cdn"}, True),
        ({"account": "main", "service": "alibaba.alb"}, False),
        ({"account": "main", "store": "alibaba.cas/cn"}, True),
        ({"certificate": "ab" * 32, "store": "alibaba.cas/intl"}, False),
        ({"resources": ("main/alibaba.cdn/www.example.com",)}, True),
        ({"resources": ("main/alibaba.cdn/other.example.com",)}, False),
        ({"resources": ()}, False),
    ],
)
def test_a_finding_is_about_the_changes_that_all_it_names_fits(
    place: dict[str, object], covers: bool
) -> None:
    assert build_finding("C13", "it", "wrong").model_copy(update=place).covers(change()) == covers


def test_the_cause_of_a_failure_is_the_check_with_what_to_do() -> None:
    cause = Finding(check="C07", subject="shop", what="it was revoked", fix="Replace it.").cause
    assert (cause.code, cause.advice) == ("C07", "Replace it.")
    assert cause.message == "revoked: shop: it was revoked"
    assert cause.needs_operator
    assert not build_finding("C01", "shop", "expired").cause.needs_operator
