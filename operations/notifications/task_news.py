"""Notifies a contact of an event of a task, once; the activities of notifications call it."""

import asyncio
from collections.abc import Callable

from domain.errors import CertrollError
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass, parse_event
from domain.notifications.message import Message
from domain.notifications.task_message import TaskSituation, build_task_message
from domain.tasks.audit import CERTROLL, TaskEventCode
from operations.notifications.channels import send
from operations.runtime.clock import now
from storage.settings import Settings
from storage.store import Store

SENT = "sent"
"""The detail of a delivery that succeeded."""

_CLASSES_OF_AN_END: dict[EventClass, Callable[[TaskSituation], bool]] = {
    EventClass.NEEDS_OPERATOR: lambda situation: situation.needs_operator,
    EventClass.ROLLED_BACK: lambda situation: bool(situation.rolled_back_groups),
}


async def notify(store: Store, settings: Settings, task_id: str, event: str, name: str) -> None:
    """Sends once, if the contact takes this event; raises its channel's error, after recording it.

    `name` is the contact's.
    """
    if await asyncio.to_thread(store.deliveries.is_delivered, task_id, event, name):
        return
    contact = await asyncio.to_thread(store.contacts.get, name)
    message = await asyncio.to_thread(_build_message, store, task_id, event, contact)
    if message is None:
        return
    address = await asyncio.to_thread(store.contacts.get_address, name)
    record = store.deliveries.record
    try:
        await send(contact.kind, address, message, settings)
    except CertrollError as error:
        await asyncio.to_thread(record, task_id, event, name, False, str(error), now())
        raise
    await asyncio.to_thread(record, task_id, event, name, True, SENT, now())


def record_undelivered(store: Store, task_id: str, event: str, contact: str) -> None:
    """Adds to the task's audit log, once, that the contact could not be notified."""
    text = f"contact {contact} could not be notified of {event}"
    if text not in [each.text for each in store.tasks.list_events(task_id)]:
        store.tasks.add_event(task_id, TaskEventCode.NOTIFICATION_FAILED, CERTROLL, text, now())


def _build_message(
    store: Store, task_id: str, event: str, contact: ContactChannel
) -> Message | None:
    """None for an event that the contact does not take.

    The end of a task is also sent to a contact that takes NEEDS_OPERATOR or ROLLED_BACK alone, if
    a person has to act or changes were rolled back.
    """
    event_class = parse_event(event).event_class
    if contact.is_subscribed_to(event_class):
        classes = [event_class]
    elif event_class is EventClass.FINISHED:
        classes = [each for each in _CLASSES_OF_AN_END if contact.is_subscribed_to(each)]
    else:
        return None
    situation = _get_situation(store, task_id)
    for sent_as in classes:
        if sent_as is event_class or _CLASSES_OF_AN_END[sent_as](situation):
            return build_task_message(event, situation, now(), sent_as=sent_as)
    return None


def _get_situation(store: Store, task_id: str) -> TaskSituation:
    return TaskSituation(
        record=store.tasks.get(task_id),
        waves=tuple(store.tasks.outcomes.list_wave_tallies(task_id)),
        causes=tuple(store.cause_groups.list_groups(task_id)),
        retrying=tuple(store.cause_groups.list_retrying(task_id)),
        unverified=store.cause_groups.count_unverified(task_id),
        audit=tuple(store.tasks.list_events(task_id)),
    )
