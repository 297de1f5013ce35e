"""The watch's steps: which contacts there are, and telling each what it does not know yet."""

import asyncio
from datetime import datetime

from temporalio import activity

from activities.channels import send
from activities.failures import told_to_the_engine
from activities.news import News, news
from domain.errors import CertrollError
from domain.events import EventClass
from domain.model import Value
from domain.watch import ToldContact
from storage.settings import Settings
from storage.store import Store

CLASSES = (EventClass.EXPIRING, EventClass.DRIFTED, EventClass.NEEDS_OPERATOR)


class Watcher(Value):
    """Whom to tell what is known at `at`, UTC."""

    contact: str
    at: datetime


class Watching:
    """Sends and records; built by worker.py, and by the command that watches by hand."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    @activity.defn
    def watchers(self) -> list[str]:
        """The contacts that take what the watch tells, by name."""
        with told_to_the_engine():
            return [
                each.name for each in self._store.contacts.list() if any(map(each.wants, CLASSES))
            ]

    @activity.defn
    async def tell_news(self, watcher: Watcher) -> ToldContact:
        """Tells one contact what it does not know yet; a failure is recorded, and tried again."""
        with told_to_the_engine():
            return await self.tell(watcher.contact, watcher.at)

    async def tell(self, name: str, at: datetime) -> ToldContact:
        """The same outside of a worker; raises what the channel raises."""
        told: dict[str, int] = {}
        for each in await asyncio.to_thread(self.news, name, at):
            await self._send(name, each, at)
            told[each.message.event] = len(each.subjects)
        return ToldContact(contact=name, told=told)

    def news(self, name: str, at: datetime) -> list[News]:
        """What the contact would be told."""
        return news(self._store, self._store.contacts.get(name), at)

    async def _send(self, name: str, each: News, at: datetime) -> None:
        contact = await asyncio.to_thread(self._store.contacts.get, name)
        address = await asyncio.to_thread(self._store.contacts.address, name)
        event, record = each.message.event, self._store.deliveries
        try:
            await send(contact.kind, address, each.message, self._settings)
        except CertrollError as error:
            await asyncio.to_thread(record.record, None, event, name, False, str(error), at)
            raise
        await asyncio.to_thread(record.record_subjects, event, name, each.subjects, "told", at)
