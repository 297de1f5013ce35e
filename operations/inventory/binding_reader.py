"""Reads the bindings of resources that no listing reports: the second half of a sync.

service_sync.py calls it.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from time import monotonic
from typing import NamedTuple

from domain.cause import Cause
from domain.errors import CloudError, NeedsOperator, Transient
from domain.resources.connector import Connector
from domain.resources.inventory_sync import ServiceSyncRecord
from domain.resources.resource import Binding, Resource
from storage.inventory.unread_bindings import UnreadSince
from storage.statements import BATCH, batches
from storage.store import Store

SUPERSEDED_CODE = "AnotherSync"


def require_current(
    before: ServiceSyncRecord, after: ServiceSyncRecord | None
) -> ServiceSyncRecord:
    """The progress after an update; raises Transient if another sync has begun meanwhile."""
    if after is None:
        raise Transient(
            f"another sync of {before.service} of {before.account} has begun meanwhile",
            code=SUPERSEDED_CODE,
            advice="See certroll inventory status.",
        )
    return after


SyncListener = Callable[[ServiceSyncRecord], None]

READERS = 16
SECONDS_PER_BATCH = 4.0
MAX_READING_TIME = timedelta(hours=1)
"""Of one attempt. The next sync reads first what this one has left."""


class _ReadResult(NamedTuple):
    """What a resource serves, or why it could not be read."""

    resource: Resource
    binding: Binding | None = None
    error: CloudError | None = None


def read_unread_bindings(
    store: Store,
    connector: Connector,
    calls_per_second: float,
    sync: ServiceSyncRecord,
    listener: SyncListener,
) -> ServiceSyncRecord:
    """Reads the bindings that were not read for the longest time first, and ends the sync.

    It needs no cursor: storage has the time at which each binding was read or could not be read.
    An error of one resource stops no other; a Transient one is retried once at the end. If a whole
    batch fails, a Transient error is raised, and a NeedsOperator one ends the sync as its error.
    """
    since = UnreadSince(sync.began_at - store.read_age, sync.began_at)
    unread = store.inventory.list_unread(sync.account, sync.service, since)
    size = max(1, min(BATCH, int(calls_per_second * SECONDS_PER_BATCH)))
    until = monotonic() + MAX_READING_TIME.total_seconds()
    with ThreadPoolExecutor(READERS, thread_name_prefix="reader") as readers:
        reader = _BatchReader(store, connector, sync, listener, readers)
        for ids in chain(batches(unread, size), reader.list_retries(size)):
            reader.read(ids)
            if reader.is_forbidden or monotonic() > until:
                break
    cause = Cause.from_error(reader.forbidden) if reader.forbidden else None
    return require_current(reader.sync, store.syncs.end(reader.sync, datetime.now(UTC), cause))


class _BatchReader:
    """Reads batch by batch. `forbidden` is the first error that needs an operator."""

    def __init__(
        self,
        store: Store,
        connector: Connector,
        sync: ServiceSyncRecord,
        listener: SyncListener,
        readers: Executor,
    ) -> None:
        self.sync = sync
        self.forbidden: NeedsOperator | None = None
        self.is_forbidden = False
        self._store, self._connector, self._listener, self._readers = (
            store,
            connector,
            listener,
            readers,
        )
        self._failed: list[str] = []
        self._is_first_round = True

    def list_retries(self, size: int) -> Iterator[list[str]]:
        """The batches of what failed with a Transient error, once all else has been read."""
        self._is_first_round = False
        yield from batches(self._failed, size)

    def read(self, ids: Sequence[str]) -> None:
        """Reads these side by side, and saves what they serve."""
        at = max(datetime.now(UTC), self.sync.began_at)
        resources = [item.resource for item in self._store.inventory.get_many(ids).values()]
        results = list(self._readers.map(partial(_read, self._connector), resources))
        _save(self._store, self._connector, results, at)
        read = sum(each.error is None for each in results)
        self.sync = require_current(self.sync, self._store.syncs.add_read(self.sync, read))
        self._listener(self.sync)
        self._check_failures([each for each in results if each.error], all_failed=not read)

    def _check_failures(self, failed: Sequence[_ReadResult], *, all_failed: bool) -> None:
        """Decides whether to go on, and what to read once more."""
        refused = [each.error for each in failed if isinstance(each.error, NeedsOperator)]
        transient = [
            (each.resource.id, each.error) for each in failed if isinstance(each.error, Transient)
        ]
        self.forbidden = self.forbidden or next(iter(refused), None)
        if self._is_first_round:
            if transient and all_failed:
                raise transient[0][1]
            self._failed += [resource_id for resource_id, _ in transient]
        self.is_forbidden = bool(refused) and all_failed


def _read(connector: Connector, resource: Resource) -> _ReadResult:
    try:
        return _ReadResult(resource, connector.read(resource))
    except CloudError as error:
        return _ReadResult(resource, error=error)


def _save(store: Store, connector: Connector, results: Sequence[_ReadResult], at: datetime) -> None:
    """Saves the bindings that were read, and marks the other resources as checked."""
    known = [each for each in results if each.error is None and _is_informative(connector, each)]
    store.inventory.save_read_bindings(((each.resource.id, each.binding) for each in known), at)
    unknown = {each.resource.id for each in results} - {each.resource.id for each in known}
    store.inventory.mark_checked(unknown, at)


def _is_informative(connector: Connector, result: _ReadResult) -> bool:
    """False for "no binding" from a service that reports none: it does not mean HTTPS is off."""
    return result.binding is not None or connector.explain_unverifiable(result.resource) is None
