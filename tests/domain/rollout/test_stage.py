"""Breaches and waves as a person reads them."""

import pytest

from domain.rollout.policy import Rollout, Size
from domain.rollout.stage import Breach, WaveFacts, wave_name


@pytest.mark.parametrize(
    ("borne", "told"),
    [(0, "none is borne"), (1, "1 is borne"), (4, "4 are borne")],
)
def test_a_breach_says_how_many_of_how_many_where_and_how_many_are_borne(
    borne: int, told: str
) -> None:
    breach = Breach(wave=1, where="wave 2 of 4", failed=5, total=20, borne=borne)
    assert str(breach) == f"5 of 20 changes failed in wave 2 of 4, {told}"


def test_waves_are_named_as_people_count() -> None:
    canary = Rollout(canary=Size(count=1))
    assert wave_name(canary, 0, 3) == "the canary (wave 1 of 3)"
    assert wave_name(canary, 2, 3) == "wave 3 of 3"
    assert wave_name(Rollout(), 0, 2) == "wave 1 of 2"
    assert wave_name(Rollout(), 0, 1) == "its only wave"


def test_without_a_budget_nothing_is_a_breach() -> None:
    facts = WaveFacts(changes=3, failed=3, total=3, borne=None)
    assert not facts.is_breach
    assert facts.model_copy(update={"borne": 2}).is_breach
    assert not facts.model_copy(update={"borne": 4}).add(1).is_breach
    assert facts.model_copy(update={"borne": 4}).add(2).is_breach
