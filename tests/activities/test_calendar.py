"""Before it begins a task looks at windows and freezes: moved or let go, and its audit tells."""

from datetime import timedelta

import pytest

from activities.bookkeeping import TaskAt
from activities.calendar import Openings
from domain.calendar.parsing import window
from domain.calendar.windows import Freeze, Opening, Scope
from domain.plans.plan import Plan
from domain.tasks.status import OutcomeStatus
from storage.store import Store
from tests.storage.examples import NEW, NOW, change, create, record

TASK = "task-1"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HELD = TaskAt(task_id=TASK, at=NOW)


@pytest.fixture
def steps(store: Store) -> Openings:
    """With a task whose former certificates expire in five days and an hour, and two hours."""
    create(store, TASK, size=3)
    return Openings(store)


def freeze(store: Store, length: timedelta = DAY, account: str = "main") -> None:
    scope = Scope(accounts=(account,))
    made = Freeze(name="close", begins=NOW - HOUR, ends=NOW + length, reason="sale", scope=scope)
    store.calendar.freezes.add(made, replace=True)


def audit(store: Store) -> list[tuple[str, str]]:
    return [(event.kind, event.text) for event in store.tasks.events(TASK)]


def test_where_nothing_is_closed_it_may_begin(steps: Openings, store: Store) -> None:
    freeze(store, account="other")
    assert steps.may_begin(HELD) == Opening(at=NOW)
    assert audit(store) == []


def test_a_frozen_task_is_moved_once_however_often_it_asks(steps: Openings, store: Store) -> None:
    freeze(store)
    until = store.tasks.get(TASK).rollback_until
    assert [steps.may_begin(HELD).at for _ in range(2)] == [NOW + DAY] * 2
    assert store.tasks.get(TASK).at == NOW + DAY
    assert store.tasks.get(TASK).rollback_until == until + DAY
    text = "to 2026-11-25 12:30 UTC: freeze 'close' until 2026-11-25 12:30 UTC: sale"
    assert audit(store) == [("moved", text)]


def test_an_expiry_that_is_too_near_lets_it_begin_and_says_so_once(
    steps: Openings, store: Store
) -> None:
    freeze(store, 4 * DAY)
    for minutes in (0, 5):
        at = NOW + timedelta(minutes=minutes)
        assert steps.may_begin(TaskAt(task_id=TASK, at=at)).overridden
    ((kind, text),) = audit(store)
    assert kind == "windows overridden"
    assert "what is served expires 2026-11-29 13:30 UTC" in text
    assert store.tasks.get(TASK).at == NOW


def test_what_is_done_already_makes_nothing_urgent(steps: Openings, store: Store) -> None:
    freeze(store, 3 * DAY + 2 * HOUR)
    assert steps.may_begin(HELD).overridden
    store.tasks.outcomes.begin(TASK, 1, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.finish(TASK, 1, OutcomeStatus.DEPLOYED, NOW, None)
    assert not steps.may_begin(HELD).overridden


def test_a_task_that_shall_not_heed_them_may_begin(steps: Openings, store: Store) -> None:
    freeze(store)
    store.tasks.ignore_windows(TASK, "outage")
    assert steps.may_begin(HELD) == Opening(at=NOW)


def test_windows_that_never_meet_any_more_are_looked_at_again_a_day_later(
    steps: Openings, store: Store
) -> None:
    both = Plan(certificates=(NEW,), changes=(change(0), change(3, account="other")))
    store.tasks.create(record(both, "task-2", name="two accounts"), both)
    for hour, account in enumerate(("main", "other"), start=1):
        hours = {"days": "daily", "zone": "UTC", "start": f"{hour}:00", "end": f"{hour + 1}:00"}
        store.calendar.windows.add(window(account, **hours, scope=Scope(accounts=(account,))))
    found = steps.may_begin(TaskAt(task_id="task-2", at=NOW))
    assert found.at == NOW + DAY
    assert "have no hour in common" in found.why
    ((kind, by),) = [(event.kind, event.by) for event in store.tasks.events("task-2")]
    assert (kind, by) == ("moved", "certroll")
