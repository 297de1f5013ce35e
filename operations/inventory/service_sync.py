"""Syncs one service of one account into the inventory, first its listing, then its bindings.

The activity `sync_service` calls it, and so does `certroll inventory sync` without a worker.
"""

import secrets
from datetime import datetime

import connectors
from domain.cause import Cause
from domain.errors import CloudError, Permanent
from domain.resources.connector import Connector
from domain.resources.inventory_sync import ServiceSync, ServiceSyncRecord, ServiceSyncResult
from domain.resources.resource import Page
from operations.inventory.binding_reader import (
    SyncListener,
    read_unread_bindings,
    require_current,
)
from operations.runtime.clock import now
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store


def list_services(provider: str) -> list[str]:
    """The services of the provider, without those that serve no certificate themselves."""
    names = (name for name in connectors.list_services() if name.partition(".")[0] == provider)
    return [name for name in names if connectors.load_connector(name).scenarios]


def sync_here(
    store: Store,
    pool: ConnectorPool,
    account: str,
    service: str,
    listener: SyncListener = lambda record: None,
) -> ServiceSyncResult:
    """Syncs from the first page in this process; a CloudError becomes the error of the result.

    Resources that are gone are marked only after a complete listing.
    """
    sync = ServiceSync(account=account, service=service, run=f"here-{secrets.token_hex(4)}")
    try:
        return resume_sync(store, pool, sync, listener)
    except CloudError as error:
        return fail_sync(store, sync, Cause.from_error(error))


def resume_sync(
    store: Store, pool: ConnectorPool, sync: ServiceSync, listener: SyncListener
) -> ServiceSyncResult:
    """Continues this sync to its end from the page that storage has recorded for it.

    `listener` is called after each step and may raise to stop. A page that was listed but not
    stored is listed again, with the same result.
    """
    connector = pool.get(sync.account, sync.service)
    record = _list_pages(store, connector, store.syncs.begin(sync, now()), listener)
    if record.ended_at is None:
        rate = pool.get_calls_per_second(sync.account, sync.service)
        record = read_unread_bindings(store, connector, rate, record, listener)
    return record.result


def fail_sync(store: Store, sync: ServiceSync, cause: Cause) -> ServiceSyncResult:
    """Records that the sync ended with an error. Stored pages stay; nothing is marked as gone."""
    record = store.syncs.fail(sync, now(), cause)
    if record is not None:
        return record.result
    return ServiceSyncResult(account=sync.account, service=sync.service, error=cause)


def _list_pages(
    store: Store, connector: Connector, record: ServiceSyncRecord, listener: SyncListener
) -> ServiceSyncRecord:
    resumed_at = record.page
    while record.to_read is None and record.ended_at is None:
        requested_at = now()
        try:
            page = connector.discover(record.page)
        except Permanent:
            if resumed_at is None or record.page != resumed_at:
                raise
            # The provider may have dropped this page token, or the account's regions have changed.
            resumed_at = None
            record = require_current(record, store.syncs.restart(record, now()))
            continue
        record = _save_page(store, connector, record, page, requested_at)
        listener(record)
    return record


def _save_page(
    store: Store,
    connector: Connector,
    before: ServiceSyncRecord,
    page: Page,
    requested_at: datetime,
) -> ServiceSyncRecord:
    """Stores the resources of a page first, then the progress: a crash in between repeats it."""
    if page.next is not None and page.next == before.page:
        raise Permanent(
            f"the listing of {connector.title} leads back to the same page",
            code="EndlessListing",
            advice="No resource was marked as gone. Report this with the provider's name.",
        )
    # The clocks of two workers differ, and no resource may look older than the sync's beginning.
    store.inventory.upsert(page.resources, max(now(), before.began_at), requested_at)
    seen = before.seen + len(page.resources)
    totals = [total for total in (before.total, page.total) if total is not None]
    largest = max(totals, default=None)
    if page.next is not None:
        return require_current(before, store.syncs.advance(before, page.next, seen, largest))
    # A listing that shrank meanwhile may have moved a resource to a page that was listed already,
    # so that it was missed. Nothing is marked as gone then; the next sync decides.
    shrank = page.total is not None and page.total != largest
    since = before.began_at - store.read_age
    finished = store.syncs.finish(before, now(), seen, largest, mark=not shrank, read_since=since)
    return require_current(before, finished)
