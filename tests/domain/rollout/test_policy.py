"""Sizes and failure budgets of a rollout policy: parsed, exact, rounded to the safe side."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.errors import BadInput
from domain.rollout.policy import (
    RolloutPolicy,
    Size,
    count_allowed_failures,
    count_budgeted_changes,
    parse_size,
)

percents = st.integers(0, 1000).map(lambda tenths: tenths / 10)
totals = st.integers(0, 20_000)


@given(percents, totals)
def test_a_percentage_of_a_wave_is_rounded_up_and_one_of_failures_down(
    percent: float, total: int
) -> None:
    size, exact = Size(percent=percent), Fraction(round(percent * 10), 1000) * total
    assert 0 <= size.round_up(total) - exact < 1
    assert 0 <= exact - size.round_down(total) < 1


def test_a_percentage_is_exact_where_floats_are_not() -> None:
    assert Size(percent=29).round_down(100) == 29
    assert Size(percent=7).round_up(100) == 7
    assert Size(percent=10).round_down(285) == 28
    assert (Size(count=5).round_up(3), Size(count=5).round_down(3)) == (5, 5)
    assert (str(Size(count=5)), str(Size(percent=10)), str(Size(percent=2.5))) == (
        "5",
        "10%",
        "2.5%",
    )


@pytest.mark.parametrize("given", [{}, {"count": 1, "percent": 10.0}, {"percent": 100.5}])
def test_a_size_is_either_a_count_or_a_percentage(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Size.model_validate(given)


def test_the_canary_allows_no_failure_unless_the_policy_says_so() -> None:
    canary = RolloutPolicy(canary=Size(count=1), budget=Size(percent=50))
    assert count_allowed_failures(canary, 0, 100) == 0
    assert count_allowed_failures(canary.model_copy(update={"canary_budget": 2}), 0, 100) == 2
    named = RolloutPolicy(canary_resources=("a/b/c",), budget=Size(count=9))
    assert (count_allowed_failures(named, 0, 100), count_allowed_failures(named, 1, 100)) == (0, 9)


def test_the_waves_after_the_canary_share_one_budget() -> None:
    canary = RolloutPolicy(canary=Size(count=1), budget=Size(percent=10))
    total = count_budgeted_changes(canary, (15, 100, 185))
    assert (
        total,
        count_allowed_failures(canary, 1, total),
        count_allowed_failures(canary, 2, total),
    ) == (285, 28, 28)
    even = RolloutPolicy(budget=Size(percent=10), waves=(Size(percent=50),))
    total = count_budgeted_changes(even, (150, 150))
    assert (
        total,
        count_allowed_failures(even, 0, total),
        count_allowed_failures(even, 1, total),
    ) == (300, 30, 30)


def test_without_a_budget_any_number_of_failures_is_allowed_after_the_canary() -> None:
    assert count_allowed_failures(RolloutPolicy(), 0, 10) is None
    assert count_allowed_failures(RolloutPolicy(canary=Size(count=1)), 1, 10) is None


@given(st.integers(0, 999_999))
def test_a_count_is_parsed_as_it_is_written(count: int) -> None:
    size = Size(count=count)
    assert parse_size(str(size), "--wave") == size


@given(percents)
def test_a_percentage_is_parsed_as_it_is_written(percent: float) -> None:
    size = Size(percent=percent)
    assert parse_size(str(size), "--wave") == size


@pytest.mark.parametrize("text", ["", "five", "-1", "5.5", "101%", "%", "5 10", "1e3", "5%%"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_size(text, "--wave")
    assert (refused.value.code, refused.value.where) == ("invalid-size", "--wave")
    assert refused.value.fix
