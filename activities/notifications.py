"""Telling a task's contacts what becomes of it. A silent channel never fails the task."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from temporalio import activity

from activities.failures import told_to_the_engine
from domain.errors import CertrollError
from domain.model import Value
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass, parts
from domain.notifications.message import Message
from domain.notifications.task_message import Situation, task_message
from operations.notifications.channels import send
from storage.settings import Settings
from storage.store import Store

_ALSO_OF_AN_END: dict[EventClass, Callable[[Situation], bool]] = {
    EventClass.NEEDS_OPERATOR: lambda situation: situation.needs_operator,
    EventClass.ROLLED_BACK: lambda situation: bool(situation.taken_back),
}


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
        """Tells one contact, unless it was told already or does not want events of this class."""
        with told_to_the_engine():
            if await asyncio.to_thread(self._was_told, notice):
                return
            contact = await asyncio.to_thread(self._store.contacts.get, notice.contact)
            message = await asyncio.to_thread(self._message, notice, contact)
            if message is None:
                return
            address = await asyncio.to_thread(self._store.contacts.address, notice.contact)
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
        return self._store.deliveries.told(notice.task_id, notice.event, notice.contact)

    def _message(self, notice: Notice, contact: ContactChannel) -> Message | None:
        """None for an event that this contact does not want to be told of.

        Of an end also those are told who want to know only that somebody has to act, or that
        something was taken back, where that is so.
        """
        kind = parts(notice.event).kind
        if contact.wants(kind):
            told_as = [kind]
        elif kind is EventClass.FINISHED:
            told_as = [each for each in _ALSO_OF_AN_END if contact.wants(each)]
        else:
            return None
        situation = self._situation(notice.task_id)
        for each in told_as:
            if each is kind or _ALSO_OF_AN_END[each](situation):
                return task_message(notice.event, situation, datetime.now(UTC), told_as=each)
        return None

    def _situation(self, task_id: str) -> Situation:
        return Situation(
            record=self._store.tasks.get(task_id),
            waves=tuple(self._store.tasks.outcomes.wave_tallies(task_id)),
            causes=tuple(self._store.causes.grouped(task_id)),
            trying=tuple(self._store.causes.trying(task_id)),
            unverified=self._store.causes.unverified(task_id),
            audit=tuple(self._store.tasks.events(task_id)),
        )

    def _record(self, notice: Notice, ok: bool, detail: str) -> None:
        self._store.deliveries.record(
            notice.task_id, notice.event, notice.contact, ok, detail, datetime.now(UTC)
        )
