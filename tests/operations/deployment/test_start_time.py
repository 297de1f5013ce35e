"""When the changes of a task may start: postponed by windows and freezes, or overridden."""

from datetime import timedelta

import pytest

from domain.calendar.parsing import parse_window
from domain.calendar.windows import AllowedStart, CalendarScope, Freeze, StartReasonCode
from domain.plans.plan import Plan
from domain.tasks.audit import CERTROLL, TaskEventCode
from domain.tasks.status import OutcomeStatus
from operations.deployment.start_time import RECHECK_AFTER, postpone_if_closed
from storage.store import Store
from tests.support.stored_examples import NEW, NOW, build_change, build_task_record, create_task

TASK = "task-1"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(autouse=True)
def task(store: Store) -> None:
    """A task whose former certificates expire in five days and one, or two, hours."""
    create_task(store, TASK, size=3)


def freeze(store: Store, length: timedelta = DAY, account: str = "main") -> None:
    scope = CalendarScope(accounts=(account,))
    made = Freeze(name="close", begins=NOW - HOUR, ends=NOW + length, reason="sale", scope=scope)
    store.calendar.freezes.add(made, replace=True)


def audit(store: Store) -> list[tuple[str, str]]:
    return [(event.code, event.text) for event in store.tasks.list_events(TASK)]


def test_a_task_starts_at_its_time_if_nothing_is_closed(store: Store) -> None:
    freeze(store, account="other")
    assert postpone_if_closed(store, TASK, NOW) == AllowedStart(at=NOW)
    assert audit(store) == []


def test_a_frozen_task_is_postponed_once_however_often_it_checks(store: Store) -> None:
    freeze(store)
    until = store.tasks.get(TASK).rollback_until
    found = [postpone_if_closed(store, TASK, NOW) for _ in range(2)]
    assert [each.at for each in found] == [NOW + DAY] * 2
    assert {reason.code for each in found for reason in each.reasons} == {StartReasonCode.FREEZE}
    assert store.tasks.get(TASK).at == NOW + DAY
    assert store.tasks.get(TASK).rollback_until == until + DAY
    ((code, text),) = audit(store)
    assert code is TaskEventCode.POSTPONED
    assert text.count("2026-11-25 12:30 UTC") == 2, "the new start, and the end of the freeze"
    assert "'close'" in text
    assert text.endswith("sale"), "the reason that the freeze gives"


def test_an_expiry_that_is_too_near_overrides_a_freeze_and_is_recorded_once(store: Store) -> None:
    freeze(store, 4 * DAY)
    for minutes in (0, 5):
        at = NOW + timedelta(minutes=minutes)
        found = postpone_if_closed(store, TASK, at)
        assert found.overridden
        assert [each.code for each in found.reasons] == [
            StartReasonCode.FREEZE,
            StartReasonCode.EXPIRY_TOO_NEAR,
        ]
    ((code, text),) = audit(store)
    assert code is TaskEventCode.WINDOWS_OVERRIDDEN
    assert "2026-11-29 13:30 UTC" in text
    assert store.tasks.get(TASK).at == NOW


def test_a_deployed_change_makes_nothing_urgent(store: Store) -> None:
    freeze(store, 3 * DAY + 2 * HOUR)
    assert postpone_if_closed(store, TASK, NOW).overridden
    store.tasks.outcomes.begin_attempt(TASK, 1, OutcomeStatus.DEPLOYING, NOW)
    store.tasks.outcomes.end_attempt(TASK, 1, OutcomeStatus.DEPLOYED, NOW, None)
    assert not postpone_if_closed(store, TASK, NOW).overridden


def test_a_task_that_ignores_windows_starts_at_its_time(store: Store) -> None:
    freeze(store)
    store.tasks.set_windows_ignored(TASK, "outage")
    assert postpone_if_closed(store, TASK, NOW) == AllowedStart(at=NOW)


def test_windows_without_a_common_hour_are_checked_again_a_day_later(store: Store) -> None:
    both = Plan(certificates=(NEW,), changes=(build_change(0), build_change(3, account="other")))
    store.tasks.create(build_task_record(both, "task-2", name="two accounts"), both)
    for hour, account in enumerate(("main", "other"), start=1):
        hours = {"days": "daily", "zone": "UTC", "start": f"{hour}:00", "end": f"{hour + 1}:00"}
        store.calendar.windows.add(
            parse_window(account, **hours, scope=CalendarScope(accounts=(account,)))
        )
    found = postpone_if_closed(store, "task-2", NOW)
    assert found.at == NOW + RECHECK_AFTER
    (reason,) = found.reasons
    assert reason.code is StartReasonCode.NO_COMMON_WINDOW
    for data in ("'main'", "'other'"):
        assert data in reason.text
    ((code, by),) = [(event.code, event.by) for event in store.tasks.list_events("task-2")]
    assert (code, by) == (TaskEventCode.POSTPONED, CERTROLL)
