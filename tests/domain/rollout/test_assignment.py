"""Which change goes in which wave: each in exactly one, and those first that teach the most."""

from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.plan import Change
from domain.resources.resource import Binding, Resource
from domain.rollout.assignment import FEW, MOST_WAVES, assign, default_rollout, sizes
from domain.rollout.policy import OnBreach, Rollout, Size

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def change(
    key: str,
    service: str = "cdn",
    *,
    days: int | None = 30,
    one_way: bool = False,
    unproven: bool = False,
    warnings: tuple[str, ...] = (),
    names: int = 1,
) -> Change:
    before = None if days is None else Binding(name="old", not_after=NOW + timedelta(days=days))
    domains = tuple(f"{number}.{key}" for number in range(names))
    return Change(
        resource=Resource(account="main", service=service, key=key, domains=domains),
        before=before,
        after=Binding(name="new"),
        store="s",
        not_reversible="no way back" if one_way else None,
        unproven="nobody can look" if unproven else None,
        warnings=warnings,
    )


def many(count: int, service: str = "cdn") -> tuple[Change, ...]:
    return tuple(change(f"{service}-{number:03}", service) for number in range(count))


def first(changes: tuple[Change, ...], rollout: Rollout) -> list[Change]:
    waves = assign(changes, rollout)
    return [each for each, wave in zip(changes, waves, strict=True) if wave == 0]


def canary(changes: tuple[Change, ...], rollout: Rollout) -> set[str]:
    return {each.resource.key for each in first(changes, rollout)}


one_change = st.builds(
    change,
    st.text("abcd", min_size=1, max_size=5),
    st.sampled_from(["cdn", "dcdn", "alb"]),
    days=st.none() | st.integers(-5, 90),
    one_way=st.booleans(),
    unproven=st.booleans(),
    names=st.integers(0, 3),
)
plans = st.lists(one_change, max_size=40, unique_by=lambda each: each.resource.id).map(tuple)
counts = st.integers(1, 12).map(lambda count: Size(count=count))
shares = st.integers(1, 25).map(lambda percent: Size(percent=percent))
amounts = counts | shares


@st.composite
def rollouts(draw: st.DrawFn) -> Rollout:
    """Such as are never refused: at most three shares of at most a quarter."""
    first = draw(st.none() | amounts)
    return Rollout(
        canary=first,
        canary_per_service=first is not None and draw(st.booleans()),
        waves=tuple(draw(st.lists(amounts, max_size=2))),
    )


@given(plans, rollouts())
def test_every_change_is_in_exactly_one_wave_and_no_wave_is_empty(
    changes: tuple[Change, ...], rollout: Rollout
) -> None:
    waves = assign(changes, rollout)
    assert len(waves) == len(changes)
    assert set(waves) == set(range(len(set(waves))))
    assert sum(sizes(waves)) == len(changes)
    assert all(sizes(waves))


@given(plans, rollouts())
def test_the_same_plan_has_the_same_waves_and_another_order_the_same_canary(
    changes: tuple[Change, ...], rollout: Rollout
) -> None:
    assert assign(changes, rollout) == assign(changes, rollout)
    if rollout.has_canary:
        there, back = first(changes, rollout), first(changes[::-1], rollout)
        assert {each.resource.id for each in there} == {each.resource.id for each in back}


@given(plans, rollouts())
def test_the_waves_after_the_canary_follow_the_order_of_the_plan(
    changes: tuple[Change, ...], rollout: Rollout
) -> None:
    waves = assign(changes, rollout)
    later = [wave for wave in waves if wave or not rollout.has_canary]
    assert later == sorted(later)


@given(plans, rollouts())
def test_each_wave_is_as_large_as_was_asked_for_until_nothing_is_left(
    changes: tuple[Change, ...], rollout: Rollout
) -> None:
    left, wanted = len(changes), []
    if rollout.canary and rollout.canary_per_service:
        services = {each.resource.service for each in changes}
        of_each = [sum(c.resource.service == service for c in changes) for service in services]
        wanted.append(sum(min(n, _asked(rollout.canary, n)) for n in of_each))
    elif rollout.canary:
        wanted.append(min(left, _asked(rollout.canary, left)))
    left -= sum(wanted)
    for size in rollout.waves:
        wanted.append(min(left, _asked(size, len(changes))))
        left -= wanted[-1]
    assert sizes(assign(changes, rollout)) == tuple(n for n in [*wanted, left] if n)


def _asked(size: Size, total: int) -> int:
    return size.count if size.count is not None else ceil(round((size.percent or 0) * total) / 100)


@given(plans, st.data())
def test_named_resources_go_first_and_only_they(
    changes: tuple[Change, ...], data: st.DataObject
) -> None:
    ids = [each.resource.id for each in changes]
    named = data.draw(st.lists(st.sampled_from(ids), unique=True, max_size=5)) if ids else []
    waves = assign(changes, Rollout(canary_resources=tuple(named)))
    first = {one for one, wave in zip(ids, waves, strict=True) if wave == 0}
    assert first == (set(named) or set(ids))


@given(plans)
def test_the_canary_of_a_service_is_never_a_worse_one_than_it_has(
    changes: tuple[Change, ...],
) -> None:
    for each in first(changes, Rollout(canary=Size(count=1), canary_per_service=True)):
        siblings = [c for c in changes if c.resource.service == each.resource.service]
        if each.not_reversible:
            assert all(c.not_reversible for c in siblings)
        elif each.unproven:
            assert all(c.unproven or c.not_reversible for c in siblings)


ONE = Rollout(canary=Size(count=1))


def test_the_best_canary_is_what_can_be_taken_back_and_be_seen() -> None:
    changes: tuple[Change, ...] = (
        change("one-way", one_way=True, days=90),
        change("blind", unproven=True, days=90),
        change("warned", warnings=("another task serves it",), days=90),
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


def test_a_canary_of_all_takes_services_in_turn_the_largest_first() -> None:
    changes = (*many(3, "alb"), *many(5, "cdn"), *many(1, "dcdn"))
    assert canary(changes, ONE) == {"cdn-000"}
    two, five = (Rollout(canary=Size(count=count)) for count in (2, 5))
    assert canary(changes, two) == {"cdn-000", "alb-000"}
    assert canary(changes, five) == {"cdn-000", "alb-000", "dcdn-000", "cdn-001", "alb-001"}


def test_a_single_canary_is_not_of_a_service_that_shows_nothing() -> None:
    blind = tuple(change(f"blind-{n}", "live", unproven=True) for n in range(9))
    assert canary((*blind, *many(2, "cdn")), ONE) == {"cdn-000"}


def test_of_few_changes_nobody_says_more_and_they_are_one_wave() -> None:
    for changes in (many(1), many(FEW)):
        assert default_rollout(changes) == Rollout()
        assert set(assign(changes, default_rollout(changes))) == {0}


def test_of_many_one_of_each_service_goes_first_and_must_not_fail() -> None:
    changes = (*many(FEW, "cdn"), *many(2, "alb"))
    found = default_rollout(changes)
    assert canary(changes, found) == {"cdn-000", "alb-000"}
    assert sizes(assign(changes, found)) == (2, FEW)
    assert (found.canary_budget, found.budget) == (0, Size(percent=10))
    assert found.on_breach is OnBreach.ROLL_BACK_WAVE


def test_of_many_services_with_one_each_none_is_a_canary_for_nothing() -> None:
    changes = tuple(change("one", f"service-{number:03}") for number in range(FEW + 1))
    assert default_rollout(changes) == Rollout(budget=Size(percent=10))
    assert set(assign(changes, default_rollout(changes))) == {0}


def test_a_plan_of_canaries_alone_is_one_wave() -> None:
    assert assign(many(3), Rollout(canary=Size(count=5))) == (0, 0, 0)


@pytest.mark.parametrize(
    ("rollout", "told"),
    [
        (Rollout(canary=Size(count=1), canary_resources=("main/cdn/cdn-000",)), "at once"),
        (Rollout(canary_resources=("main/cdn/cdn-000", "x")), "does not change x"),
        (Rollout(canary=Size(count=0)), "nothing goes ahead"),
        (Rollout(waves=(Size(percent=0),)), "nothing goes ahead"),
        (Rollout(canary_per_service=True), "how many"),
        (Rollout(canary_budget=1), "no canary"),
        (Rollout(canary=Size(percent=51), waves=(Size(percent=50),)), "101%"),
        (Rollout(waves=(Size(count=1),) * (MOST_WAVES + 1)), "more than 50 waves"),
        (Rollout(gate=True), "one wave"),
        (Rollout(bake_seconds=1, canary=Size(count=30)), "one wave"),
    ],
)
def test_a_policy_that_cannot_be_followed_is_refused(rollout: Rollout, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        assign(many(30), rollout)


def test_waves_of_all_changes_together_leave_nothing_for_a_last_one() -> None:
    half = Size(percent=50)
    assert sizes(assign(many(30), Rollout(waves=(half, half), gate=True))) == (15, 15)
