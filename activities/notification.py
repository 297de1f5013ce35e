"""Telling a task's contacts how it ended. A silent channel never fails the task."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from activities.channels import send
from activities.failures import told_to_the_engine
from domain.errors import CertrollError
from domain.message import Message, task_message
from domain.model import Value
from storage.settings import Settings
from storage.store import Store


class Notice(Value):
    """One event of one task for one contact; told once."""

    task_id: str
    event: str
    contact: str


class Notifications:
    """Sends and records; built by worker.py."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    @activity.defn
    async def notify(self, notice: Notice) -> None:
        """Tells one contact, unless it was told of this event already."""
        with told_to_the_engine():
            if await asyncio.to_thread(self._was_told, notice):
                return
            contact = await asyncio.to_thread(self._store.contacts.get, notice.contact)
            address = await asyncio.to_thread(self._store.contacts.address, notice.contact)
            message = await asyncio.to_thread(self._compose, notice)
            try:
                await send(contact.kind, address, message, self._settings)
            except CertrollError as error:
                await asyncio.to_thread(self._record, notice, False, str(error))
                raise
            await asyncio.to_thread(self._record, notice, True, "told")

    @activity.defn
    def give_up(self, notice: Notice) -> None:
        """Records in the task's audit that a contact could not be told."""
        with told_to_the_engine():
            text = f"contact {notice.contact} could not be told of {notice.event}"
            if text not in [event.text for event in self._store.tasks.events(notice.task_id)]:
                self._store.tasks.event(
                    notice.task_id, "not told", "certroll", text, datetime.now(UTC)
                )

    def _was_told(self, notice: Notice) -> bool:
        return self._store.contacts.delivered(notice.task_id, notice.event, notice.contact)

    def _compose(self, notice: Notice) -> Message:
        record = self._store.tasks.get(notice.task_id)
        outcomes = self._store.tasks.outcomes.list(notice.task_id)
        return task_message(notice.event, record, outcomes, datetime.now(UTC))

    def _record(self, notice: Notice, ok: bool, detail: str) -> None:
        self._store.contacts.record_delivery(
            notice.task_id, notice.event, notice.contact, ok, detail, datetime.now(UTC)
        )
