"""Sizes and failures of a rollout: exact shares, rounded so that they keep what they promise."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.rollout.policy import Rollout, Size, after_canary, allowed

percents = st.integers(0, 1000).map(lambda tenths: tenths / 10)
totals = st.integers(0, 20_000)


@given(percents, totals)
def test_a_share_of_a_wave_is_rounded_up_and_one_of_failures_down(
    percent: float, total: int
) -> None:
    size, exact = Size(percent=percent), Fraction(round(percent * 10), 1000) * total
    assert 0 <= size.at_least(total) - exact < 1
    assert 0 <= exact - size.at_most(total) < 1


def test_a_share_is_what_a_person_reckons_and_not_what_floats_do() -> None:
    assert Size(percent=29).at_most(100) == 29
    assert Size(percent=7).at_least(100) == 7
    assert Size(percent=10).at_most(285) == 28
    assert (Size(count=5).at_least(3), Size(count=5).at_most(3)) == (5, 5)
    assert (str(Size(count=5)), str(Size(percent=10)), str(Size(percent=2.5))) == (
        "5",
        "10%",
        "2.5%",
    )


@pytest.mark.parametrize("given", [{}, {"count": 1, "percent": 10.0}, {"percent": 100.5}])
def test_a_size_is_one_thing(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Size.model_validate(given)


def test_the_canary_bears_nothing_unless_it_says_so() -> None:
    canary = Rollout(canary=Size(count=1), budget=Size(percent=50))
    assert allowed(canary, 0, 100) == 0
    assert allowed(canary.model_copy(update={"canary_budget": 2}), 0, 100) == 2
    named = Rollout(canary_resources=("a/b/c",), budget=Size(count=9))
    assert (allowed(named, 0, 100), allowed(named, 1, 100)) == (0, 9)


def test_after_the_canary_the_budget_goes_for_all_waves_together() -> None:
    canary = Rollout(canary=Size(count=1), budget=Size(percent=10))
    total = after_canary(canary, (15, 100, 185))
    assert (total, allowed(canary, 1, total), allowed(canary, 2, total)) == (285, 28, 28)
    even = Rollout(budget=Size(percent=10), waves=(Size(percent=50),))
    total = after_canary(even, (150, 150))
    assert (total, allowed(even, 0, total), allowed(even, 1, total)) == (300, 30, 30)


def test_without_a_budget_any_number_is_borne_after_the_canary() -> None:
    assert allowed(Rollout(), 0, 10) is None
    assert allowed(Rollout(canary=Size(count=1)), 1, 10) is None
