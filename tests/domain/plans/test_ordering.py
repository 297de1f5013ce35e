"""The order of a plan: the most urgent day first, and within a day all services side by side."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from itertools import groupby, pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.plans.builder import by_urgency
from domain.plans.plan import Change
from domain.resources.resource import Binding, Resource

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def change(number: int, account: str, service: str, hours: int | None) -> Change:
    before = None if hours is None else Binding(name="old", not_after=NOON + hours * HOUR)
    place = {"account": account, "service": service, "key": f"{number:03}"}
    return Change(
        resource=Resource.model_validate(place), before=before, after=Binding(name="n"), store="s"
    )


def day(change: Change) -> str:
    until = change.before.not_after if change.before else None
    return until.date().isoformat() if until else "unknown"


FACTS = st.tuples(
    st.sampled_from(["main", "shop"]),
    st.sampled_from(["alb", "cdn", "fc"]),
    st.none() | st.integers(0, 72),
)


@st.composite
def some_changes(draw: st.DrawFn) -> list[Change]:
    facts = draw(st.lists(FACTS, max_size=40))
    made = [change(number, *each) for number, each in enumerate(facts)]
    return draw(st.permutations(made))


@given(some_changes())
def test_nothing_is_lost_and_the_order_is_always_the_same(changes: list[Change]) -> None:
    ordered = by_urgency(changes)
    assert sorted(each.resource.id for each in ordered) == sorted(c.resource.id for c in changes)
    assert by_urgency(reversed(changes)) == ordered


@given(some_changes())
def test_a_day_comes_after_the_days_before_it_and_the_unknown_last(changes: list[Change]) -> None:
    days = [day(each) for each in by_urgency(changes)]
    assert all(one <= two for one, two in pairwise(days))  # a digit comes before a letter


@given(some_changes())
def test_within_a_day_no_service_has_a_second_turn_while_another_waits_for_its_first(
    changes: list[Change],
) -> None:
    for _, found in groupby(by_urgency(changes), key=day):
        of_day = list(found)
        left: defaultdict[tuple[str, str], int] = defaultdict(int)
        for each in of_day:
            left[each.resource.account, each.resource.service] += 1
        had = dict.fromkeys(left, 0)
        for each in of_day:
            group = each.resource.account, each.resource.service
            assert had[group] == min(had[other] for other in had if had[other] < left[other])
            had[group] += 1


@given(some_changes())
def test_within_a_day_a_service_goes_by_the_hour(changes: list[Change]) -> None:
    last: dict[tuple[str, str, str], tuple[datetime, str]] = {}
    for each in by_urgency(changes):
        until = each.before.not_after if each.before and each.before.not_after else NOON
        group = day(each), each.resource.account, each.resource.service
        assert last.get(group, (until, "")) <= (until, each.resource.id)
        last[group] = until, each.resource.id


def test_a_day_is_one_of_utc_however_a_time_is_written() -> None:
    abroad = timezone(3 * HOUR)
    late, early = change(1, "main", "cdn", 10), change(2, "main", "alb", 1)
    assert late.before is not None
    assert late.before.not_after is not None
    until = late.before.not_after.astimezone(abroad)  # 01:00 of the next day there
    written = late.model_copy(
        update={"before": late.before.model_copy(update={"not_after": until})}
    )
    same_day = change(3, "main", "cdn", 2)
    ordered = by_urgency([early, same_day, change(4, "main", "alb", 11), written])
    assert [each.resource.key for each in ordered] == ["002", "003", "001", "004"]
