"""Activities of the expiry watch; the workflow ExpiryWatch runs them."""

from datetime import datetime

from temporalio import activity

from activities.failures import as_application_errors
from domain.model import Value
from domain.notifications.expiry_watch import ContactReport
from operations.notifications.expiry_news import list_news_contacts, send_news
from storage.settings import Settings
from storage.store import Store


class NewsRequest(Value):
    """The contact to notify; `at` is the time of the run, UTC."""

    contact: str
    at: datetime


class ExpiryWatchActivities:
    """Built by worker.py."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    @activity.defn
    def list_news_contacts(self) -> list[str]:
        """The names of the contacts that take any message of the expiry watch."""
        with as_application_errors():
            return list_news_contacts(self._store)

    @activity.defn
    async def send_expiry_news(self, request: NewsRequest) -> ContactReport:
        """Sends a contact what is unsent. A failure is recorded, and the activity is retried."""
        with as_application_errors():
            return await send_news(self._store, self._settings, request.contact, request.at)
