"""When a wave exceeds its failure budget, and how waves are named."""

import pytest

from domain.rollout.policy import RolloutPolicy, Size
from domain.rollout.stage import BudgetExceeded, WaveFacts, format_wave_name


@pytest.mark.parametrize(("allowed", "ending"), [(0, "none allowed"), (4, "4 allowed")])
def test_an_exceeded_budget_shows_its_numbers_and_the_wave(allowed: int, ending: str) -> None:
    exceeded = BudgetExceeded(wave=1, wave_name="wave 2 of 4", failed=5, total=20, allowed=allowed)
    for data in ("5 of 20", "wave 2 of 4", ending):
        assert data in str(exceeded)


def test_waves_are_named_from_one() -> None:
    canary = RolloutPolicy(canary=Size(count=1))
    assert format_wave_name(canary, 0, 3) == "the canary (wave 1 of 3)"
    assert format_wave_name(canary, 2, 3) == "wave 3 of 3"
    assert format_wave_name(RolloutPolicy(), 0, 2) == "wave 1 of 2"
    assert format_wave_name(RolloutPolicy(), 0, 1) == "its only wave"


def test_a_wave_is_over_budget_when_more_changes_failed_than_allowed() -> None:
    facts = WaveFacts(changes=3, failed=3, total=3, allowed=None)
    assert not facts.is_over_budget
    assert facts.model_copy(update={"allowed": 2}).is_over_budget
    assert not facts.model_copy(update={"allowed": 4}).with_more_failures(1).is_over_budget
    assert facts.model_copy(update={"allowed": 4}).with_more_failures(2).is_over_budget
