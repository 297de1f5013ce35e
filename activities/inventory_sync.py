"""Walking one service of one account, page by page, into the inventory; then what no page tells."""

import secrets
from datetime import UTC, datetime

from temporalio import activity

import connectors
from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from domain.cause import Cause
from domain.errors import CloudError, Permanent, Transient
from domain.model import Value
from domain.resources.connector import Connector
from domain.resources.inventory_sync import Synced, Walk, WalkRecord
from domain.resources.resource import Page
from operations.inventory import binding_reader
from operations.inventory.binding_reader import Told, ours, read_untold
from operations.runtime.connector_pool import Clouds
from storage.store import Store

SHUTDOWN_CODE = "WorkerShutdown"


class FailedWalk(Value):
    """A walk that will not be tried again, and why."""

    walk: Walk
    cause: Cause


class Walks:
    """The steps of a sync; built by worker.py with what they need."""

    def __init__(self, store: Store, clouds: Clouds, heart: Heart) -> None:
        self._store, self._clouds, self._heart = store, clouds, heart

    @activity.defn
    def services_to_walk(self, account: str) -> list[str]:
        """All services of the account's provider that serve something by themselves."""
        with told_to_the_engine():
            return services(self._store.accounts.get(account).provider)

    # An exception out of nowhere could tear a transaction: between two pages it looks by itself.
    @activity.defn(no_thread_cancel_exception=True)
    def walk_service(self, walk: Walk) -> Synced:
        """Walks on from where the former attempt was killed."""
        with told_to_the_engine(), self._heart.beating():
            try:
                return walk_on(self._store, self._clouds, walk, self._may_go_on)
            except Transient as error:
                if error.code not in (binding_reader.CODE, SHUTDOWN_CODE):
                    self._store.syncs.stumble(walk, Cause.from_error(error))
                raise

    @activity.defn
    def record_failed_walk(self, failed: FailedWalk) -> Synced:
        """Records that a walk is given up; what it saw is kept, and nothing is marked."""
        with told_to_the_engine():
            return _given_up(self._store, failed.walk, failed.cause)

    def _may_go_on(self, record: WalkRecord) -> None:
        """Stops between two pages where the worker ends or nobody waits for the walk any more."""
        if record.ended_at is not None:
            return
        if activity.is_worker_shutdown():
            raise Transient("the worker is shutting down", code=SHUTDOWN_CODE, retry_after=0.1)
        if activity.is_cancelled():
            raise Permanent("the sync was cancelled", code="Cancelled")


def now() -> datetime:
    """The worker's clock, UTC."""
    return datetime.now(UTC)


def services(provider: str) -> list[str]:
    """What a sync walks: all services of the provider, but those that serve nothing themselves."""
    ours = (name for name in connectors.names() if name.partition(".")[0] == provider)
    return [name for name in ours if connectors.load(name).scenarios]


def sync(
    store: Store,
    clouds: Clouds,
    account: str,
    service: str,
    told: Told = lambda record: None,
) -> Synced:
    """Walks anew in this process. Those not seen any more are marked only after a complete walk."""
    walk = Walk(account=account, service=service, run=f"here-{secrets.token_hex(4)}")
    try:
        return walk_on(store, clouds, walk, told)
    except CloudError as error:
        return _given_up(store, walk, Cause.from_error(error))


def walk_on(store: Store, clouds: Clouds, walk: Walk, told: Told) -> Synced:
    """Walks to the end from where this run stands; `told` hears of each step and may stop it.

    A page that was listed but not yet written down is listed again: repeating changes nothing.
    """
    connector = clouds.connector(walk.account, walk.service)
    record = _list_on(store, connector, store.syncs.begin(walk, now()), told)
    if record.ended_at is None:
        rate = clouds.calls_per_second(walk.account, walk.service)
        record = read_untold(store, connector, rate, record, told)
    return record.result


def _list_on(store: Store, connector: Connector, record: WalkRecord, told: Told) -> WalkRecord:
    """Lists on to the last page."""
    resumed_at = record.page
    while record.to_read is None and record.ended_at is None:
        asked_at = now()
        try:
            answer = connector.discover(record.page)
        except Permanent:
            if resumed_at is None or record.page != resumed_at:
                raise
            # The provider may have forgotten this place, or the account's regions have changed.
            resumed_at, record = None, ours(record, store.syncs.restart(record, now()))
            continue
        record = _keep(store, connector, record, answer, asked_at)
        told(record)
    return record


def _keep(
    store: Store, connector: Connector, before: WalkRecord, answer: Page, asked_at: datetime
) -> WalkRecord:
    """Stores one page, then that it is stored."""
    if answer.next is not None and answer.next == before.page:
        raise Permanent(
            f"the listing of {connector.title} leads back to the same page",
            code="EndlessListing",
            advice="Nothing of this walk is marked as gone; report it with the provider.",
        )
    # Clocks of two workers differ: what was seen must never look older than the walk's beginning.
    store.inventory.upsert(answer.found, max(now(), before.began_at), asked_at)
    seen = before.seen + len(answer.found)
    totals = [total for total in (before.total, answer.total) if total is not None]
    most = max(totals, default=None)
    if answer.next is not None:
        return ours(before, store.syncs.advance(before, answer.next, seen, most))
    # A listing that shrank on the way may have moved something past us, from a later page to one
    # that we had seen: nothing is marked then, the next walk will tell.
    shrank = answer.total is not None and answer.total != most
    since = before.began_at - store.read_age
    return ours(
        before,
        store.syncs.finish(before, now(), seen, most, mark=not shrank, read_since=since),
    )


def _given_up(store: Store, walk: Walk, cause: Cause) -> Synced:
    record = store.syncs.fail(walk, now(), cause)
    if record is not None:
        return record.result
    return Synced(account=walk.account, service=walk.service, error=cause)
