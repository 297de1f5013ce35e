"""Waves in words: exact numbers, and who reads a line knows what happens and when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.resources.resource import Resource
from domain.rollout.assignment import assign
from domain.rollout.policy import OnBreach, Rollout, Size
from domain.rollout.text import Wave, brief, read_size, spell, told, waves_of


def changes(**services: int) -> list[Change]:
    return [
        Change(
            resource=Resource(account="main", service=service, key=f"{service}-{number:03}"),
            before=None,
            after=None,
            store="s",
        )
        for service, count in services.items()
        for number in range(count)
    ]


def lines(rollout: Rollout, **services: int) -> list[str]:
    made = changes(**services)
    return told(rollout, waves_of(made, assign(made, rollout), rollout))


@given(st.integers(0, 999_999))
def test_a_count_is_read_as_it_is_written(count: int) -> None:
    size = Size(count=count)
    assert read_size(str(size), "--wave") == size


@given(st.integers(0, 1000).map(lambda tenths: tenths / 10))
def test_a_share_is_read_as_it_is_written(percent: float) -> None:
    size = Size(percent=percent)
    assert read_size(str(size), "--wave") == size


@pytest.mark.parametrize("text", ["", "five", "-1", "5.5", "101%", "%", "5 10", "1e3", "5%%"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(BadInput, match=r"--wave: .* neither a number nor a share") as refused:
        read_size(text, "--wave")
    assert refused.value.fix == 'Write it as "5" or "10%".'


def test_times_are_spelled_exactly() -> None:
    spelled = [spell(seconds) for seconds in (0, 90, 900, 5400, 90061)]
    assert spelled == ["0 s", "1 min 30 s", "15 min", "1 h 30 min", "1 d 1 h 1 min 1 s"]


def test_each_wave_says_what_goes_what_it_bears_and_what_comes_before_the_next() -> None:
    rollout = Rollout(
        canary=Size(count=1),
        canary_per_service=True,
        bake_seconds=900,
        budget=Size(percent=10),
    )
    assert lines(rollout, cdn=285, alb=3) == [
        "canary: 2 resources, 1 of each service; no failure borne, else the wave is taken back; "
        "then wait 15 min",
        "286 resources; at most 28 failures, else the wave is taken back",
    ]


def test_a_budget_of_several_waves_is_told_as_one_of_all_of_them() -> None:
    rollout = Rollout(
        canary=Size(percent=5),
        waves=(Size(percent=25),),
        gate=True,
        budget=Size(count=7),
        canary_budget=1,
        on_breach=OnBreach.ROLL_BACK_ALL,
    )
    assert lines(rollout, cdn=100) == [
        "canary: 5 resources, 5%; at most 1 failure, else all is taken back; "
        "go on by a person's word only",
        "25 resources; at most 7 failures in all waves but the canary, else all is taken back; "
        "go on by a person's word only",
        "70 resources; at most 7 failures in all waves but the canary, else all is taken back",
    ]
    even = Rollout(waves=(Size(count=1),), budget=Size(count=2), on_breach=OnBreach.STOP)
    assert lines(even, cdn=2) == [
        "1 resource; at most 2 failures in all waves, else the task stops",
        "1 resource; at most 2 failures in all waves, else the task stops",
    ]


def test_a_task_of_which_nobody_says_more_is_one_line() -> None:
    assert lines(Rollout(), cdn=3) == ["3 resources; any number of failures"]
    assert lines(Rollout(canary=Size(count=2), canary_budget=0), cdn=2)[0].startswith("canary: 2 r")


def test_a_wave_tells_its_services_and_of_a_canary_its_resources() -> None:
    rollout = Rollout(canary_resources=("main/alb/alb-001",), budget=Size(percent=50))
    made = changes(cdn=3, alb=2)
    assert waves_of(made, assign(made, rollout), rollout) == (
        Wave(
            wave=0,
            canary=True,
            changes=1,
            services={"alb": 1},
            failures=0,
            resources=("main/alb/alb-001",),
        ),
        Wave(wave=1, canary=False, changes=4, services={"alb": 1, "cdn": 3}, failures=2),
    )
    assert lines(rollout, cdn=3, alb=2)[0].startswith("canary: 1 resource, as named; ")


def test_a_policy_is_one_line_without_a_plan() -> None:
    assert brief(Rollout()) == "one wave; failures any"
    full = Rollout(
        canary=Size(count=1),
        canary_per_service=True,
        waves=(Size(percent=25), Size(count=9)),
        bake_seconds=60,
        gate=True,
        budget=Size(percent=10),
        canary_budget=2,
        on_breach=OnBreach.STOP,
        take_back_failed=False,
        accept_unverified=True,
        keep_trying_seconds=7200,
    )
    assert brief(full) == (
        "canary 1 of each service; waves 25%, 9; wait 1 min; each wave by word; "
        "canary failures 2; failures 10%; else the task stops; what failed stays as it is; "
        "what nobody here can reach counts as success; what may pass is tried again for 2 h"
    )
