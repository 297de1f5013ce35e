"""Summaries of waves and policies: the exact numbers, and what happens beyond a budget."""

from domain.plans.plan import Change
from domain.resources.resource import Resource
from domain.rollout.assignment import assign_waves
from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size
from domain.rollout.summary import (
    WaveSummary,
    format_duration,
    format_exceptions,
    format_policy,
    format_waves,
    summarize_waves,
)


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


def lines(rollout: RolloutPolicy, **services: int) -> list[str]:
    plan = changes(**services)
    return format_waves(rollout, summarize_waves(plan, assign_waves(plan, rollout), rollout))


def holds(line: str, *data: str) -> bool:
    return all(each in line for each in data)


def test_durations_are_exact() -> None:
    formatted = [format_duration(seconds) for seconds in (0, 90, 900, 5400, 90061)]
    assert formatted == ["0 s", "1 min 30 s", "15 min", "1 h 30 min", "1 d 1 h 1 min 1 s"]


def test_each_wave_shows_its_size_its_budget_and_the_wait_before_the_next() -> None:
    rollout = RolloutPolicy(
        canary=Size(count=1),
        canary_per_service=True,
        bake_seconds=900,
        budget=Size(percent=10),
    )
    canary, rest = lines(rollout, cdn=285, alb=3)
    assert holds(canary, "canary", "2 resources", "1 of each service", "no failure", "15 min")
    assert holds(rest, "286 resources", "28 failures")
    assert "canary" not in rest
    assert "15 min" not in rest


def test_a_shared_budget_is_shown_as_one_of_all_its_waves() -> None:
    rollout = RolloutPolicy(
        canary=Size(percent=5),
        waves=(Size(percent=25),),
        gate=True,
        budget=Size(count=7),
        canary_budget=1,
    )
    canary, second, last = lines(rollout, cdn=100)
    assert holds(canary, "canary", "5 resources", "5%", "1 failure", "proceed")
    assert holds(second, "25 resources", "7 failures", "all waves but the canary", "proceed")
    assert holds(last, "70 resources", "7 failures", "all waves but the canary")
    assert "proceed" not in last
    even = RolloutPolicy(waves=(Size(count=1),), budget=Size(count=2))
    for line in lines(even, cdn=2):
        assert holds(line, "1 resource", "2 failures", "all waves")
        assert "canary" not in line


def test_each_consequence_of_an_exceeded_budget_reads_differently() -> None:
    shown = {
        lines(RolloutPolicy(budget=Size(count=1), on_budget_exceeded=each), cdn=2)[0]
        for each in OnBudgetExceeded
    }
    assert len(shown) == len(OnBudgetExceeded)


def test_the_default_policy_is_one_line() -> None:
    (line,) = lines(RolloutPolicy(), cdn=3)
    assert holds(line, "3 resources", "any number")
    (canary,) = lines(RolloutPolicy(canary=Size(count=2), canary_budget=0), cdn=2)
    assert holds(canary, "canary", "2 resources")


def test_a_wave_lists_its_services_and_a_canary_its_resources() -> None:
    rollout = RolloutPolicy(canary_resources=("main/alb/alb-001",), budget=Size(percent=50))
    plan = changes(cdn=3, alb=2)
    assert summarize_waves(plan, assign_waves(plan, rollout), rollout) == (
        WaveSummary(
            wave=0,
            canary=True,
            changes=1,
            services={"alb": 1},
            allowed_failures=0,
            resources=("main/alb/alb-001",),
        ),
        WaveSummary(
            wave=1, canary=False, changes=4, services={"alb": 1, "cdn": 3}, allowed_failures=2
        ),
    )
    assert holds(lines(rollout, cdn=3, alb=2)[0], "canary", "1 resource", "as named")


def test_a_policy_is_one_line_without_a_plan() -> None:
    assert format_policy(RolloutPolicy()) == "one wave; failures any"
    full = RolloutPolicy(
        canary=Size(count=1),
        canary_per_service=True,
        waves=(Size(percent=25), Size(count=9)),
        bake_seconds=60,
        gate=True,
        budget=Size(percent=10),
        canary_budget=2,
        on_budget_exceeded=OnBudgetExceeded.STOP,
        roll_back_failed=False,
        accept_unverified=True,
        keep_trying_seconds=7200,
    )
    parts = format_policy(full).split("; ")
    data = ("1 of each service", "25%, 9", "1 min", "gate", "2", "10%", "stops")
    assert all(value in part for value, part in zip(data, parts, strict=False))
    assert parts[len(data) :] == format_exceptions(full)
    assert "2 h" in parts[-1]


def test_only_what_differs_from_the_default_is_an_exception() -> None:
    assert format_exceptions(RolloutPolicy(budget=Size(count=1), gate=True)) == []
    for changed in (
        RolloutPolicy(roll_back_failed=False),
        RolloutPolicy(accept_unverified=True),
        RolloutPolicy(keep_trying_seconds=60),
    ):
        assert len(format_exceptions(changed)) == 1
