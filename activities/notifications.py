"""Activities that notify a task's contacts; the workflow DeploymentTask runs them."""

from temporalio import activity

from activities.failures import as_application_errors
from domain.model import Value
from operations.notifications import task_news
from storage.settings import Settings
from storage.store import Store


class NotificationRequest(Value):
    """One event of one task for one contact."""

    task_id: str
    event: str
    contact: str


class NotificationActivities:
    """Built by worker.py."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    @activity.defn
    async def notify(self, request: NotificationRequest) -> None:
        """Sends the event, unless it was sent before or the contact does not take it."""
        with as_application_errors():
            await task_news.notify(
                self._store, self._settings, request.task_id, request.event, request.contact
            )

    @activity.defn
    def record_undelivered(self, request: NotificationRequest) -> None:
        """Records in the task's audit log that the contact could not be notified."""
        with as_application_errors():
            task_news.record_undelivered(
                self._store, request.task_id, request.event, request.contact
            )
