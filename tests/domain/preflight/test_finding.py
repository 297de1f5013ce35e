"""Check policies and findings: refusals and warnings, and the changes that they cover."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.preflight.checks import CHECK_BY_NUMBER, CHECKS, CheckPolicy
from domain.preflight.finding import CheckPolicies, build_finding, parse_policies
from domain.resources.resource import Binding, Resource
from tests.support.refusals import has_code

NUMBERS = st.sampled_from([check.number for check in CHECKS])


def change(key: str = "www.example.com", fingerprint: str = "ab" * 32) -> Change:
    resource = Resource(account="main", service="alibaba.cdn", key=key)
    after = Binding(fingerprint=fingerprint)
    return Change(resource=resource, before=None, after=after, store="alibaba.cas/cn")


@given(st.dictionaries(NUMBERS, st.sampled_from(CheckPolicy)))
def test_an_override_replaces_the_default_policy_of_its_check_alone(
    overrides: dict[str, CheckPolicy],
) -> None:
    policies = CheckPolicies(dict.fromkeys(overrides, CheckPolicy.OFF), overrides)
    for number, check in CHECK_BY_NUMBER.items():
        policy = overrides.get(number, check.policy)
        assert policies.is_any_on(number) == (policy is not CheckPolicy.OFF)
        findings = policies.apply([build_finding(number, "it", "wrong")])
        assert [each.refused for each in findings] == (
            [] if policy is CheckPolicy.OFF else [policy is CheckPolicy.REFUSE]
        )


def test_findings_are_sorted_by_number_and_have_a_code() -> None:
    findings = CheckPolicies().apply(
        [build_finding("C13", "a", "x"), build_finding("C01", "b", "y")]
    )
    codes = [(each.check, each.code) for each in findings]
    assert codes == [("C01", "validity"), ("C13", "account")]


def test_policies_are_read_in_any_case_one_by_one_or_with_commas() -> None:
    policies = parse_policies(["c07=WARN, C09=refuse", "C12=off", ""], "--check")
    assert policies == {"C07": CheckPolicy.WARN, "C09": CheckPolicy.REFUSE, "C12": CheckPolicy.OFF}


@pytest.mark.parametrize("text", ["C99=warn", "C07", "C07=maybe", "=warn", "C07:warn"])
def test_an_invalid_policy_is_refused_with_the_valid_ones(text: str) -> None:
    data = ("C01", CHECKS[-1].number, *CheckPolicy)
    with pytest.raises(BadInput, check=has_code("invalid-check-policy", *data, where="--check")):
        parse_policies([text], "--check")


def test_a_finding_that_names_nothing_covers_every_change() -> None:
    assert build_finding("C17", "the task", "closed").covers(change())


@pytest.mark.parametrize(
    ("fields", "covers"),
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
def test_a_finding_covers_the_changes_that_match_all_of_its_fields(
    fields: dict[str, object], covers: bool
) -> None:
    assert build_finding("C13", "it", "wrong").model_copy(update=fields).covers(change()) == covers


def test_the_cause_of_a_failure_has_the_number_of_the_check_and_the_fix() -> None:
    cause = build_finding("C07", "shop", "it was revoked", "Replace it.").cause
    assert (cause.code, cause.advice) == ("C07", "Replace it.")
    for data in ("revoked", "shop", "it was revoked"):
        assert data in cause.message
    assert cause.needs_operator
    assert not build_finding("C01", "shop", "expired").cause.needs_operator
