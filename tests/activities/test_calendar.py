"""The activity `find_start` passes on what the calendar allows."""

from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.bookkeeping import TaskAt
from activities.calendar import CalendarActivities
from domain.calendar.windows import Freeze, StartReasonCode
from storage.store import Store
from tests.support.stored_examples import NOW, create_task

HOUR = timedelta(hours=1)


def test_a_frozen_task_is_postponed_with_the_reason(store: Store) -> None:
    create_task(store, "task-1", size=1)
    freeze = Freeze(name="close", begins=NOW - HOUR, ends=NOW + HOUR, reason="sale")
    store.calendar.freezes.add(freeze, replace=True)
    activities = CalendarActivities(store)
    start = ActivityEnvironment().run(activities.find_start, TaskAt(task_id="task-1", at=NOW))
    assert start.at == NOW + HOUR == store.tasks.get("task-1").at
    assert [each.code for each in start.reasons] == [StartReasonCode.FREEZE]
