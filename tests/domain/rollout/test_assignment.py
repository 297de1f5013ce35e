"""The wave of each change: each is in exactly one, and the best canaries go first."""

from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.resources.connector import ChangeWarning
from domain.resources.resource import Binding, Resource
from domain.rollout.assignment import (
    MAX_WAVES,
    SINGLE_WAVE_LIMIT,
    assign_waves,
    build_default_policy,
    count_per_wave,
)
from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def change(
    key: str,
    service: str = "cdn",
    *,
    days: int | None = 30,
    one_way: bool = False,
    unverifiable: bool = False,
    warnings: tuple[ChangeWarning, ...] = (),
    names: int = 1,
) -> Change:
    before = None if days is None else Binding(name="old", not_after=NOW + timedelta(days=days))
    domains = tuple(f"{number}.{key}" for number in range(names))
    return Change(
        resource=Resource(account="main", service=service, key=key, domains=domains),
        before=before,
        after=Binding(name="new"),
        store="s",
        not_reversible="cannot be undone" if one_way else None,
        unverifiable="nobody can look" if unverifiable else None,
        warnings=warnings,
    )


def many(count: int, service: str = "cdn") -> tuple[Change, ...]:
    return tuple(change(f"{service}-{number:03}", service) for number in range(count))


def first(changes: tuple[Change, ...], rollout: RolloutPolicy) -> list[Change]:
    waves = assign_waves(changes, rollout)
    return [each for each, wave in zip(changes, waves, strict=True) if wave == 0]


def canary(changes: tuple[Change, ...], rollout: RolloutPolicy) -> set[str]:
    return {each.resource.key for each in first(changes, rollout)}


one_change = st.builds(
    change,
    st.text("abcd", min_size=1, max_size=5),
    st.sampled_from(["cdn", "dcdn", "alb"]),
    days=st.none() | st.integers(-5, 90),
    one_way=st.booleans(),
    unverifiable=st.booleans(),
    names=st.integers(0, 3),
)
plans = st.lists(one_change, max_size=40, unique_by=lambda each: each.resource.id).map(tuple)
counts = st.integers(1, 12).map(lambda count: Size(count=count))
percents = st.integers(1, 25).map(lambda percent: Size(percent=percent))
amounts = counts | percents


@st.composite
def rollouts(draw: st.DrawFn) -> RolloutPolicy:
    """Policies that are never refused: at most three percentages of at most 25."""
    first = draw(st.none() | amounts)
    return RolloutPolicy(
        canary=first,
        canary_per_service=first is not None and draw(st.booleans()),
        waves=tuple(draw(st.lists(amounts, max_size=2))),
    )


@given(plans, rollouts())
def test_every_change_is_in_exactly_one_wave_and_no_wave_is_empty(
    changes: tuple[Change, ...], rollout: RolloutPolicy
) -> None:
    waves = assign_waves(changes, rollout)
    assert len(waves) == len(changes)
    assert set(waves) == set(range(len(set(waves))))
    assert sum(count_per_wave(waves)) == len(changes)
    assert all(count_per_wave(waves))


@given(plans, rollouts())
def test_the_same_plan_has_the_same_waves_and_another_order_the_same_canary(
    changes: tuple[Change, ...], rollout: RolloutPolicy
) -> None:
    assert assign_waves(changes, rollout) == assign_waves(changes, rollout)
    if rollout.has_canary:
        forward, backward = first(changes, rollout), first(changes[::-1], rollout)
        assert {each.resource.id for each in forward} == {each.resource.id for each in backward}


@given(plans, rollouts())
def test_the_waves_after_the_canary_follow_the_order_of_the_plan(
    changes: tuple[Change, ...], rollout: RolloutPolicy
) -> None:
    waves = assign_waves(changes, rollout)
    later = [wave for wave in waves if wave or not rollout.has_canary]
    assert later == sorted(later)


@given(plans, rollouts())
def test_each_wave_has_the_requested_size_until_no_change_is_left(
    changes: tuple[Change, ...], rollout: RolloutPolicy
) -> None:
    left, expected = len(changes), []
    if rollout.canary and rollout.canary_per_service:
        services = {each.resource.service for each in changes}
        of_each = [sum(c.resource.service == service for c in changes) for service in services]
        expected.append(sum(min(n, _count(rollout.canary, n)) for n in of_each))
    elif rollout.canary:
        expected.append(min(left, _count(rollout.canary, left)))
    left -= sum(expected)
    for size in rollout.waves:
        expected.append(min(left, _count(size, len(changes))))
        left -= expected[-1]
    assert count_per_wave(assign_waves(changes, rollout)) == tuple(
        n for n in [*expected, left] if n
    )


def _count(size: Size, total: int) -> int:
    return size.count if size.count is not None else ceil(round((size.percent or 0) * total) / 100)


@given(plans, st.data())
def test_a_named_canary_is_exactly_those_resources(
    changes: tuple[Change, ...], data: st.DataObject
) -> None:
    ids = [each.resource.id for each in changes]
    named = data.draw(st.lists(st.sampled_from(ids), unique=True, max_size=5)) if ids else []
    waves = assign_waves(changes, RolloutPolicy(canary_resources=tuple(named)))
    first = {one for one, wave in zip(ids, waves, strict=True) if wave == 0}
    assert first == (set(named) or set(ids))


@given(plans)
def test_the_canary_of_a_service_is_the_best_that_it_has(
    changes: tuple[Change, ...],
) -> None:
    for each in first(changes, RolloutPolicy(canary=Size(count=1), canary_per_service=True)):
        siblings = [c for c in changes if c.resource.service == each.resource.service]
        if each.not_reversible:
            assert all(c.not_reversible for c in siblings)
        elif each.unverifiable:
            assert all(c.unverifiable or c.not_reversible for c in siblings)


ONE = RolloutPolicy(canary=Size(count=1))


def test_the_best_canary_can_be_rolled_back_and_verified() -> None:
    changes: tuple[Change, ...] = (
        change("one-way", one_way=True, days=90),
        change("blind", unverifiable=True, days=90),
        change(
            "warned",
            warnings=(ChangeWarning(code="shared", text="another task serves it"),),
            days=90,
        ),
        change("https-off", days=None),
        change("soon-over", days=3),
        change("many-names", names=20),
        change("good"),
    )
    best = []
    while changes:
        (key,) = canary(changes, ONE)
        best.append(key)
        changes = tuple(each for each in changes if each.resource.key != key)
    expected = ["good", "many-names", "soon-over", "https-off", "warned", "blind", "one-way"]
    assert best == expected


def test_a_canary_of_all_alternates_between_services_the_largest_first() -> None:
    changes = (*many(3, "alb"), *many(5, "cdn"), *many(1, "dcdn"))
    assert canary(changes, ONE) == {"cdn-000"}
    two, five = (RolloutPolicy(canary=Size(count=count)) for count in (2, 5))
    assert canary(changes, two) == {"cdn-000", "alb-000"}
    assert canary(changes, five) == {"cdn-000", "alb-000", "dcdn-000", "cdn-001", "alb-001"}


def test_a_single_canary_is_not_of_a_service_that_cannot_be_verified() -> None:
    blind = tuple(change(f"blind-{n}", "live", unverifiable=True) for n in range(9))
    assert canary((*blind, *many(2, "cdn")), ONE) == {"cdn-000"}


def test_by_default_a_few_changes_are_one_wave() -> None:
    for changes in (many(1), many(SINGLE_WAVE_LIMIT)):
        assert build_default_policy(changes) == RolloutPolicy()
        assert set(assign_waves(changes, build_default_policy(changes))) == {0}


def test_by_default_of_many_changes_one_of_each_service_goes_first_and_must_not_fail() -> None:
    changes = (*many(SINGLE_WAVE_LIMIT, "cdn"), *many(2, "alb"))
    found = build_default_policy(changes)
    assert canary(changes, found) == {"cdn-000", "alb-000"}
    assert count_per_wave(assign_waves(changes, found)) == (2, SINGLE_WAVE_LIMIT)
    assert (found.canary_budget, found.budget) == (0, Size(percent=10))
    assert found.on_budget_exceeded is OnBudgetExceeded.ROLL_BACK_WAVE


def test_by_default_services_with_one_change_each_have_no_canary() -> None:
    changes = tuple(
        change("one", f"service-{number:03}") for number in range(SINGLE_WAVE_LIMIT + 1)
    )
    assert build_default_policy(changes) == RolloutPolicy(budget=Size(percent=10))
    assert set(assign_waves(changes, build_default_policy(changes))) == {0}


def test_a_canary_larger_than_the_plan_is_one_wave() -> None:
    assert assign_waves(many(3), RolloutPolicy(canary=Size(count=5))) == (0, 0, 0)


@pytest.mark.parametrize(
    ("rollout", "code", "where"),
    [
        (
            RolloutPolicy(canary=Size(count=1), canary_resources=("main/cdn/cdn-000",)),
            "ambiguous-canary",
            "--canary",
        ),
        (RolloutPolicy(canary_resources=("main/cdn/cdn-000", "x")), "unknown-canary", "--canary"),
        (RolloutPolicy(canary=Size(count=0)), "empty-wave", "--canary"),
        (RolloutPolicy(waves=(Size(percent=0),)), "empty-wave", "--wave"),
        (RolloutPolicy(canary_per_service=True), "canary-without-size", "--canary"),
        (RolloutPolicy(canary_budget=1), "no-canary", "--canary-failures"),
        (
            RolloutPolicy(canary=Size(percent=51), waves=(Size(percent=50),)),
            "waves-exceed-total",
            "--wave",
        ),
        (RolloutPolicy(waves=(Size(count=1),) * (MAX_WAVES + 1)), "too-many-waves", "--wave"),
        (RolloutPolicy(gate=True), "single-wave", "--gate"),
        (RolloutPolicy(bake_seconds=1, canary=Size(count=30)), "single-wave", "--bake"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(
    rollout: RolloutPolicy, code: str, where: str
) -> None:
    with pytest.raises(BadInput) as refused:
        assign_waves(many(30), rollout)
    assert (refused.value.code, refused.value.where) == (code, where)
    assert refused.value.fix


def test_waves_that_add_up_to_all_changes_leave_no_last_wave() -> None:
    half = Size(percent=50)
    assert count_per_wave(assign_waves(many(30), RolloutPolicy(waves=(half, half), gate=True))) == (
        15,
        15,
    )
