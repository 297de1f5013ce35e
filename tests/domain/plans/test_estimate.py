"""How long a plan takes: budgets side by side, locks one after the other."""

import pytest

from domain.plans.estimate import Effort, Estimate, estimate_duration, format_duration
from domain.plans.plan import Change
from domain.resources.resource import Resource


def changes(number: int, service: str = "cdn", lock: str | None = None) -> list[Change]:
    return [
        Change(
            resource=Resource(account="main", service=service, key=f"{service}-{n}"),
            before=None,
            after=None,
            store="s",
            lock=lock,
        )
        for n in range(number)
    ]


def effort(budget: str = "main/cdn", rate: float = 10, seconds: float = 60) -> Effort:
    return Effort(budget=budget, calls=4, calls_per_second=rate, seconds=seconds)


def test_calls_of_one_budget_are_made_one_after_the_other() -> None:
    found = estimate_duration(changes(200), {("main", "cdn"): effort()})
    assert found.seconds == pytest.approx(200 * 4 / 10)


def test_services_with_a_budget_of_their_own_go_side_by_side() -> None:
    efforts = {("main", "cdn"): effort(), ("main", "alb"): effort("main/alb", 20)}
    both = estimate_duration([*changes(200), *changes(200, "alb")], efforts)
    assert both.seconds == pytest.approx(80)
    shared = {("main", "cdn"): effort("main/ga"), ("main", "alb"): effort("main/ga")}
    assert estimate_duration(
        [*changes(200), *changes(200, "alb")], shared
    ).seconds == pytest.approx(160)


def test_changes_of_one_lock_wait_for_each_other_to_arrive() -> None:
    efforts = {("main", "cdn"): effort()}
    locked = estimate_duration(changes(50, lock="ga-1"), efforts)
    assert locked.at_most >= 50 * 60
    assert estimate_duration(changes(50), efforts).at_most < 100


def test_with_few_changes_at_once_it_may_take_longer() -> None:
    efforts = {("main", "cdn"): effort()}
    assert estimate_duration(changes(100), efforts, concurrency=10).at_most >= 100 * 60 / 10
    assert estimate_duration([], efforts) == Estimate(seconds=0, at_most=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"),
        (40.4, "40 s"),
        (100, "2 min"),
        (720, "12 min"),
        (7200, "2 h"),
        (11_100, "3 h 5 min"),
    ],
)
def test_a_duration_has_one_or_two_units(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
