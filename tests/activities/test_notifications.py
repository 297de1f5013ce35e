"""Activities that notify a task's contacts: errors become application errors."""

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.notifications import NotificationActivities, NotificationRequest
from domain.tasks.audit import TaskEventCode
from storage.settings import Settings
from storage.store import Store
from tests.support.stored_examples import create_task

REQUEST = NotificationRequest(task_id="task-1", event="finished", contact="ops")


@pytest.fixture
def activities(store: Store, settings: Settings) -> NotificationActivities:
    """With a contact whose server does not answer."""
    create_task(store, "task-1", size=1)
    store.contacts.add("ops", "webhook", "http://127.0.0.1:9/hook")
    return NotificationActivities(store, settings)


async def test_an_unreachable_contact_is_tried_again(
    activities: NotificationActivities, store: Store
) -> None:
    with pytest.raises(ApplicationError) as caught:
        await ActivityEnvironment().run(activities.notify, REQUEST)
    assert not caught.value.non_retryable
    (delivery,) = store.deliveries.list("task-1")
    assert (delivery.contact, delivery.ok) == ("ops", False)


def test_a_notification_that_was_given_up_is_in_the_audit_log(
    activities: NotificationActivities, store: Store
) -> None:
    for _ in range(2):
        ActivityEnvironment().run(activities.record_undelivered, REQUEST)
    (event,) = store.tasks.list_events("task-1")
    assert event.code is TaskEventCode.NOTIFICATION_FAILED
    assert "ops" in event.text
