"""Windows and freezes are kept by name; what a plan and a task touch is found in both databases."""

from datetime import timedelta

import pytest

from domain.calendar.parsing import parse_window
from domain.calendar.windows import Calendar, CalendarScope, CalendarTarget, Freeze, Window
from domain.errors import BadInput
from domain.plans.plan import Plan
from domain.resources.resource import DiscoveredResource
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from tests.support.refusals import has_code
from tests.support.stored_examples import (
    NOW,
    build_account,
    build_change,
    build_resource,
    create_task,
)

DAY = timedelta(days=1)
BY_TAG = CalendarScope(tags=("env=prod",))


def nights(scope: CalendarScope | None = None) -> Window:
    hours = {"days": "daily", "start": "22:00", "end": "04:00"}
    return parse_window("nights", zone="Europe/Berlin", **hours, scope=scope or CalendarScope())


def freeze(name: str = "close") -> Freeze:
    return Freeze(name=name, begins=NOW, ends=NOW + DAY, reason="quarter's end", scope=BY_TAG)


def test_a_rule_is_stored_unchanged(store: Store) -> None:
    made = nights(CalendarScope(accounts=("main",)))
    store.calendar.windows.add(made)
    store.calendar.freezes.add(freeze())
    assert store.calendar.windows.find("nights") == made
    assert store.calendar.freezes.find("close") == freeze()
    assert store.calendar.get() == Calendar(windows=(made,), freezes=(freeze(),))


def test_a_name_is_taken_once_unless_it_is_replaced(store: Store) -> None:
    store.calendar.windows.add(nights())
    with pytest.raises(BadInput, check=has_code("name-taken", "nights")):
        store.calendar.windows.add(nights(BY_TAG))
    assert store.calendar.windows.find("nights").scope == CalendarScope()
    store.calendar.windows.add(nights(BY_TAG), replace=True)
    assert [each.scope for each in store.calendar.windows.list()] == [BY_TAG]
    store.calendar.freezes.add(freeze("new"), replace=True)
    assert store.calendar.freezes.find("new") == freeze("new")


def test_they_are_listed_by_name_and_deleted(store: Store) -> None:
    for name in ("b", "a"):
        store.calendar.freezes.add(freeze(name))
    assert [each.name for each in store.calendar.freezes.list()] == ["a", "b"]
    store.calendar.freezes.delete("a")
    assert [each.name for each in store.calendar.freezes.list()] == ["b"]
    for call in (store.calendar.freezes.find, store.calendar.freezes.delete):
        with pytest.raises(BadInput, check=has_code("unknown-freeze", "a")):
            call("a")


def test_a_similar_name_is_suggested(store: Store) -> None:
    store.calendar.windows.add(nights())
    with pytest.raises(BadInput, check=has_code("unknown-window", "nights")):
        store.calendar.windows.find("nigths")


def tagged(store: Store) -> None:
    """Resources 0 to 2 of the account main; the first two are production."""
    store.accounts.add(build_account(), {})
    places = [
        DiscoveredResource(
            resource=build_resource(number), tags={"env": "prod" if number < 2 else "test"}
        )
        for number in range(3)
    ]
    store.inventory.upsert(places, NOW)


def plan_of(*numbers: int, more: str | None = None) -> Plan:
    changes = [build_change(number) for number in numbers]
    changes += [build_change(7, account=more)] if more else []
    return Plan(certificates=("ab" * 32,), changes=tuple(changes))


def test_a_plan_touches_its_accounts_and_tags_only_where_they_matter(store: Store) -> None:
    tagged(store)
    made = plan_of(0, 1, 2, more="other")
    by_account = Calendar(windows=(nights(),))
    by_tag = Calendar(windows=(nights(BY_TAG),))
    main, other = CalendarTarget(account="main"), CalendarTarget(account="other")
    assert store.calendar.list_plan_targets(made, by_account) == (main, other)
    assert set(_shown(store.calendar.list_plan_targets(made, by_tag))) == {
        ("main", "prod"),
        ("main", "test"),
        ("other", None),
    }


def _shown(places: tuple[CalendarTarget, ...]) -> list[tuple[str, str | None]]:
    return [(place.account, place.tags.get("env")) for place in places]


def test_the_expiry_that_counts_is_the_first_that_is_not_long_gone(store: Store) -> None:
    """Change 0 has no binding before, 1 expires in 5 days and 1 hour, 2 in 5 days and 2 hours."""
    made = plan_of(0, 1, 2)
    first = NOW + 5 * DAY + timedelta(hours=1)
    create_task(store)
    for now, expires in [
        (NOW, first),
        (first + store.calendar.margin - timedelta(minutes=1), first),
        (first + store.calendar.margin, first + timedelta(hours=1)),
        (NOW + 9 * DAY, None),
    ]:
        assert store.calendar.find_plan_expiry(made, now) == expires
        assert store.calendar.find_task_expiry("task-1", now) == expires


def test_a_task_touches_what_it_has_still_to_do(store: Store) -> None:
    tagged(store)
    create_task(store)
    by_tag = Calendar(windows=(nights(BY_TAG),))
    both = store.calendar.list_task_targets("task-1", by_tag)
    assert sorted(_shown(both)) == [("main", "prod"), ("main", "test")]
    for ordinal in (0, 1):
        store.tasks.outcomes.begin_attempt("task-1", ordinal, OutcomeStatus.DEPLOYING, NOW)
        store.tasks.outcomes.end_attempt("task-1", ordinal, OutcomeStatus.DEPLOYED, NOW, None)
    left = store.calendar.list_task_targets("task-1", by_tag)
    assert _shown(left) == [("main", "test")]
    assert store.calendar.find_task_expiry("task-1", NOW) == NOW + 5 * DAY + timedelta(hours=2)
    untagged = store.calendar.list_task_targets("task-1", Calendar(windows=(nights(),)))
    assert untagged == (CalendarTarget(account="main"),)


def test_a_later_time_of_a_task_moves_the_end_of_its_rollback_window_too(store: Store) -> None:
    create_task(store)
    until = store.tasks.get("task-1").rollback_until
    store.tasks.set_time("task-1", NOW + 9 * DAY)
    store.tasks.set_time("task-1", NOW + 9 * DAY)
    assert store.tasks.get("task-1").rollback_until == until + 9 * DAY
    store.tasks.set_time("task-1", NOW)
    assert store.tasks.get("task-1").rollback_until == until + 9 * DAY


def test_a_task_can_ignore_all_windows(store: Store) -> None:
    create_task(store)
    store.tasks.set_windows_ignored("task-1", "outage")
    assert store.tasks.get("task-1").windows_ignored == "outage"
    store.tasks.set_windows_ignored("task-1", None)
    assert store.tasks.get("task-1").windows_ignored is None
