"""Notifies contacts of expiring certificates, drift, and contacts that cannot be reached.

The activities of the expiry watch call it, and so does `certroll expiry watch`. A contact hears of
each subject once: storage remembers the subjects that were sent.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.certificates.expiry import ServedCertificate
from domain.errors import CertrollError
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass
from domain.notifications.expiry_message import (
    FailedNotification,
    build_drifted_message,
    build_expiring_message,
    build_undelivered_message,
)
from domain.notifications.expiry_watch import (
    MAX_NOTICE,
    ContactReport,
    Nearness,
    build_subject,
    classify_nearness,
)
from domain.notifications.message import DriftedResource, ExpiringCertificate, Message
from operations.notifications.channels import send
from operations.notifications.task_news import SENT
from storage.expiry.statements import Scope
from storage.expiry.unreplaced import UnreplacedResources, to_key
from storage.settings import Settings
from storage.store import Store

MAX_NAMES = 20
CLASSES = (EventClass.EXPIRING, EventClass.DRIFTED, EventClass.NEEDS_OPERATOR)


class ExpiryNews(NamedTuple):
    """A message, and the subjects that storage remembers once it is sent."""

    message: Message
    subjects: Sequence[str]


def list_news_contacts(store: Store) -> list[str]:
    """The names of the contacts that take any message of the expiry watch."""
    contacts = store.contacts.list()
    return [each.name for each in contacts if any(map(each.is_subscribed_to, CLASSES))]


def list_news(store: Store, contact: str, now: datetime) -> list[ExpiryNews]:
    """The unsent messages for a contact: at most one of each event class that it takes."""
    channel = store.contacts.get(contact)
    found = (
        _build_expiring(store, channel, now),
        _build_drifted(store, channel, now),
        _build_undelivered(store, channel, now),
    )
    return [each for each in found if each is not None]


async def send_news(store: Store, settings: Settings, contact: str, at: datetime) -> ContactReport:
    """Sends a contact what is unsent; raises the error of its channel, after recording it."""
    counts: dict[str, int] = {}
    for news in await asyncio.to_thread(list_news, store, contact, at):
        await _send(store, settings, contact, news, at)
        counts[news.message.event] = len(news.subjects)
    return ContactReport(contact=contact, sent=counts)


async def _send(
    store: Store, settings: Settings, name: str, news: ExpiryNews, at: datetime
) -> None:
    contact = await asyncio.to_thread(store.contacts.get, name)
    address = await asyncio.to_thread(store.contacts.get_address, name)
    event, deliveries = news.message.event, store.deliveries
    try:
        await send(contact.kind, address, news.message, settings)
    except CertrollError as error:
        await asyncio.to_thread(deliveries.record, None, event, name, False, str(error), at)
        raise
    await asyncio.to_thread(deliveries.record_subjects, event, name, news.subjects, SENT, at)


def _build_expiring(store: Store, contact: ContactChannel, now: datetime) -> ExpiryNews | None:
    if not contact.is_subscribed_to(EventClass.EXPIRING):
        return None
    found = dict(_find_expiring(store, now))
    unsent = _list_unsent(store, contact, EventClass.EXPIRING, found)
    if not unsent:
        return None
    return ExpiryNews(build_expiring_message([found[each] for each in unsent], now), unsent)


def _find_expiring(store: Store, now: datetime) -> Iterator[tuple[str, ExpiringCertificate]]:
    """Each certificate near its expiry that no task replaces in time, by subject, soonest first."""
    before = now + MAX_NOTICE + timedelta(hours=1)  # a margin: `classify_nearness` decides
    unreplaced = store.unreplaced.find(before, now)
    served = store.expiry.list_certificates(Scope(before=before)).rows
    lifetimes = store.unreplaced.get_lifetimes(
        each.fingerprint for each in served if each.fingerprint
    )
    for each in served:
        resources = unreplaced.get(to_key(each))
        if resources is None or each.not_after is None:
            continue
        nearness = classify_nearness(each.not_after, lifetimes.get(each.fingerprint or ""), now)
        if nearness is not None:
            expiring = _to_expiring(each, each.not_after, resources, nearness)
            yield build_subject(each, nearness), expiring


def _to_expiring(
    served: ServedCertificate,
    not_after: datetime,
    unreplaced: UnreplacedResources,
    nearness: Nearness,
) -> ExpiringCertificate:
    return ExpiringCertificate(
        nearness=nearness,
        fingerprint=served.fingerprint,
        name=served.name,
        names=served.names[:MAX_NAMES],
        not_after=not_after,
        resources=unreplaced.resources,
        serve=served.resources,
        examples=unreplaced.examples,
        task=unreplaced.task,
        successor=served.successor.name if served.successor else None,
    )


def _build_drifted(store: Store, contact: ContactChannel, now: datetime) -> ExpiryNews | None:
    if not contact.is_subscribed_to(EventClass.DRIFTED):
        return None
    found = {
        f"{each.resource} serves {each.serves or 'nothing'} after {each.task_id}": DriftedResource(
            resource=each.resource,
            deployed=each.deployed,
            serves=each.serves,
            task=each.task_id,
        )
        for each in store.expiry.list_drifted().rows
    }
    unsent = _list_unsent(store, contact, EventClass.DRIFTED, found)
    if not unsent:
        return None
    return ExpiryNews(build_drifted_message([found[each] for each in unsent], now), unsent)


def _build_undelivered(store: Store, contact: ContactChannel, now: datetime) -> ExpiryNews | None:
    """Reports each broken channel to the other contacts once, until it has worked again."""
    if not contact.is_subscribed_to(EventClass.NEEDS_OPERATOR):
        return None
    found = {
        f"{each.contact} undelivered since {worked_at or 'ever'}": each
        for each, worked_at in _find_failed_notifications(store)
        if each.contact != contact.name
    }
    unsent = _list_unsent(store, contact, EventClass.NEEDS_OPERATOR, found)
    if not unsent:
        return None
    return ExpiryNews(build_undelivered_message([found[each] for each in unsent], now), unsent)


def _find_failed_notifications(
    store: Store,
) -> Iterator[tuple[FailedNotification, datetime | None]]:
    """The last delivery of each contact that failed, and when one succeeded last."""
    names = {each.name for each in store.contacts.list()}
    successes = store.deliveries.get_latest(delivered=True)
    for name, last in store.deliveries.get_latest().items():
        if name in names and not last.ok:
            failed = FailedNotification(
                contact=name, event=last.event, task_id=last.task_id, detail=last.detail, at=last.at
            )
            yield failed, successes[name].at if name in successes else None


def _list_unsent(
    store: Store, contact: ContactChannel, event_class: EventClass, found: Mapping[str, object]
) -> list[str]:
    sent = store.deliveries.find_delivered(event_class.value, contact.name, list(found))
    return [subject for subject in found if subject not in sent]
