"""Making a plan: asks the clouds what their resources serve now, and changes nothing there."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import connectors
from activities.clouds import Clouds
from domain.connector import Connector
from domain.errors import CloudError
from domain.plan import Plan, Refusal
from domain.planning import Candidate, Match, Wish, assemble, match
from domain.resource import Resource
from storage.store import Store

READ_AGAIN_AFTER = timedelta(minutes=1)
READERS = 16


def make_plan(store: Store, clouds: Clouds, wish: Wish, *, now: datetime) -> Plan:
    """The plan for this wish; raises BadInput where the wish itself is wrong.

    Whatever a cloud refuses to tell becomes a refusal of that resource with its cause.
    """
    certificates = [store.certificates.get(fingerprint) for fingerprint in wish.certificates]
    matches, refusals = match(wish, certificates, store.inventory.list(include_vanished=True))
    candidates, unread = _read_all(store, clouds, matches, now)
    services = {each.resource.service for each in matches}
    traits = {service: connectors.load(service).traits(service) for service in services}
    return assemble(
        certificates,
        candidates,
        traits,
        [*refusals, *unread],
        now,
        require_coverage=wish.require_coverage,
    )


def _read_all(
    store: Store, clouds: Clouds, matches: Sequence[Match], now: datetime
) -> tuple[list[Candidate], list[Refusal]]:
    def read(each: Match) -> Candidate | Refusal:
        try:
            return _read(store, clouds, each, now)
        except CloudError as error:
            return Refusal(subject=each.resource.id, rule="read", reason=str(error))

    with ThreadPoolExecutor(READERS) as readers:
        answers = list(readers.map(read, matches))
    candidates = [answer for answer in answers if isinstance(answer, Candidate)]
    return candidates, [answer for answer in answers if isinstance(answer, Refusal)]


def _lock(connector: Connector, resource: Resource) -> str | None:
    """Locks are held across tasks, so their names carry the account."""
    key = connector.lock_key(resource)
    return None if key is None else f"{resource.account}/{key}"


def _read(store: Store, clouds: Clouds, each: Match, now: datetime) -> Candidate:
    resource = each.resource
    connector = clouds.connector(resource.account, resource.service)
    item = store.inventory.get(resource.id)
    before = item.binding
    if item.read_at is None or now - item.read_at > READ_AGAIN_AFTER:
        before = connector.read(resource)
        store.inventory.record_binding(resource.id, before, now)
    return Candidate(
        match=each,
        before=before,
        store=connector.store(resource),
        lock=_lock(connector, resource),
        not_reversible=connector.not_reversible(resource, before),
        warnings=connector.warnings(resource, before),
    )
