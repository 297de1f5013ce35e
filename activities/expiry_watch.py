"""The watch's steps: which contacts there are, and telling each what it does not know yet."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from temporalio import activity

from activities.failures import told_to_the_engine
from domain.certificates.expiry import Served
from domain.errors import CertrollError
from domain.model import Value
from domain.notifications.contact import ContactChannel
from domain.notifications.events import EventClass
from domain.notifications.expiry_message import (
    Untold,
    drifted_message,
    expiring_message,
    untold_message,
)
from domain.notifications.expiry_watch import LONGEST, ToldContact, nearness, subject
from domain.notifications.message import Drifted, Expiring, Message
from operations.notifications.channels import send
from storage.expiry.statements import Scope
from storage.expiry.unreplaced import Left, key_of
from storage.settings import Settings
from storage.store import Store

NAMES_KEPT = 20


class News(NamedTuple):
    """A message, and by what it is remembered that it was told."""

    message: Message
    subjects: Sequence[str]


def news(store: Store, contact: ContactChannel, now: datetime) -> list[News]:
    """At most one message of each class that the contact takes; none if it knows everything."""
    found = (
        _expiring(store, contact, now),
        _drifted(store, contact, now),
        _untold(store, contact, now),
    )
    return [each for each in found if each is not None]


def _expiring(store: Store, contact: ContactChannel, now: datetime) -> News | None:
    if not contact.wants(EventClass.EXPIRING):
        return None
    found = dict(_near(store, now))
    fresh = _unknown_to(store, contact, EventClass.EXPIRING, list(found))
    told = [found[each] for each in fresh]
    return News(expiring_message(told, now), fresh) if fresh else None


def _near(store: Store, now: datetime) -> Iterator[tuple[str, Expiring]]:
    """What is near enough to be told, soonest first."""
    before = now + LONGEST + timedelta(hours=1)  # what is near at all, and a little more
    left = store.unattended.among(before, now)
    served = store.expiry.certificates(Scope(before=before)).rows
    lives = store.unattended.lives(each.fingerprint for each in served if each.fingerprint)
    for each in served:
        alone = left.get(key_of(each))
        if alone is None or each.not_after is None:
            continue
        near = nearness(each.not_after, lives.get(each.fingerprint or ""), now)
        if near is not None:
            yield subject(each, near), _told(each, each.not_after, alone, near)


def _told(served: Served, not_after: datetime, left: Left, near: str) -> Expiring:
    return Expiring(
        nearness=near,
        fingerprint=served.fingerprint,
        name=served.name,
        names=served.names[:NAMES_KEPT],
        not_after=not_after,
        resources=left.resources,
        serve=served.resources,
        examples=left.examples,
        task=left.task,
        successor=served.successor.name if served.successor else None,
    )


def _drifted(store: Store, contact: ContactChannel, now: datetime) -> News | None:
    if not contact.wants(EventClass.DRIFTED):
        return None
    found = {
        f"{each.resource} serves {each.serves or 'nothing'} after {each.task_id}": Drifted(
            resource=each.resource,
            deployed=each.deployed,
            serves=each.serves,
            task=each.task_id,
        )
        for each in store.expiry.drifted().rows
    }
    fresh = _unknown_to(store, contact, EventClass.DRIFTED, list(found))
    told = [found[each] for each in fresh]
    return News(drifted_message(told, now), fresh) if fresh else None


def _untold(store: Store, contact: ContactChannel, now: datetime) -> News | None:
    """Each broken channel is told to the others once, until it has worked again."""
    if not contact.wants(EventClass.NEEDS_OPERATOR):
        return None
    found = {
        f"{each.contact} untold since {since or 'ever'}": each
        for each, since in _broken(store)
        if each.contact != contact.name
    }
    fresh = _unknown_to(store, contact, EventClass.NEEDS_OPERATOR, list(found))
    return News(untold_message([found[each] for each in fresh], now), fresh) if fresh else None


def _broken(store: Store) -> Iterator[tuple[Untold, datetime | None]]:
    there = {each.name for each in store.contacts.list()}
    worked = store.deliveries.latest(arrived=True)
    for name, last in store.deliveries.latest().items():
        if name in there and not last.ok:
            untold = Untold(
                contact=name, event=last.event, task_id=last.task_id, detail=last.detail, at=last.at
            )
            yield untold, worked[name].at if name in worked else None


def _unknown_to(
    store: Store, contact: ContactChannel, kind: EventClass, subjects: list[str]
) -> list[str]:
    known = store.deliveries.known(kind.value, contact.name, subjects)
    return [each for each in subjects if each not in known]


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
