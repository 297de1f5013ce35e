"""Finds what matched resources serve, from the inventory or by reading them again.

planner.py, replan.py and import_file.py call it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from threading import Lock
from time import sleep
from typing import NamedTuple, TypeVar

from domain.errors import CloudError, Transient
from domain.plans.builder import ChangeCandidate
from domain.plans.matching import InventoryEntry, Match
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.connector import Connector
from domain.resources.resource import Binding, Resource
from operations.runtime.connector_pool import ConnectorPool
from storage.statements import BATCH, batches
from storage.store import Store

T = TypeVar("T")

TRIES = 5
FIRST_PAUSE, MAX_PAUSE = 0.25, 5.0
OUTAGE_AFTER = 40
"""After so many calls in a row that failed, each call is tried only once."""


class RetryingCall:
    """Retries calls; the threads of one reading share it. `pause` waits for so many seconds."""

    def __init__(self, pause: Callable[[float], None] = sleep) -> None:
        self._pause, self._lock, self._failures = pause, Lock(), 0

    def __call__(self, call: Callable[[], T]) -> T:
        """The result; raises the error of the last try.

        The delay is what the provider asks for, up to what a waiting person accepts.
        """
        for number in range(self._tries() - 1):
            try:
                return self._reset(call())
            except Transient as error:
                hint = error.retry_after or FIRST_PAUSE * 2**number
                self._pause(min(hint, MAX_PAUSE))
        try:
            return self._reset(call())
        except Transient:
            with self._lock:
                self._failures += 1
            raise

    def _tries(self) -> int:
        return TRIES if self._failures < OUTAGE_AFTER else 1

    def _reset(self, result: T) -> T:
        self._failures = 0
        return result


READERS = 32


class ReadProgress(NamedTuple):
    """How many resources are read, and how many seconds all take at least by the rate limits."""

    read: int
    total: int
    seconds: float


ReadListener = Callable[[ReadProgress], None]


class _Unread(NamedTuple):
    match: Match
    connector: Connector
    reports_none: bool


def read_candidates(
    store: Store,
    pool: ConnectorPool,
    matches: Sequence[Match],
    now: datetime,
    *,
    age: timedelta | None = None,
    listener: ReadListener = lambda reading: None,
) -> tuple[list[ChangeCandidate], list[Refusal]]:
    """Each match with what its resource serves now, or a refusal if that could not be read.

    The inventory is enough if it is younger than `age` (by default the store's `inventory_age`) and
    has what a rollback needs: the deployment reads the resource again before it changes it.
    """
    oldest = now - (store.inventory_age if age is None else age)
    current: list[ChangeCandidate] = []
    unread: list[_Unread] = []
    connectors = _Connectors(pool)
    for match in _add_listed(store, matches):
        connector = connectors.get(match)
        known = match.entry and _find_current(match.entry, connector, oldest)
        if known:
            current.append(build_candidate(connector, match, known.binding, known.seen_at))
        else:
            reports_none = connector.explain_unverifiable(match.resource) is not None
            unread.append(_Unread(match, connector, reports_none))
    seconds = estimate_read_seconds(pool, (each.match.resource for each in unread))
    read, refused = _read(store, unread, now, seconds, listener)
    return current + read, refused


def estimate_read_seconds(pool: ConnectorPool, resources: Iterable[Resource]) -> float:
    """How long it takes at least to read these: one call each, the services side by side."""
    counts = Counter((each.account, each.service) for each in resources)
    return max(
        (count / pool.get_calls_per_second(*key) for key, count in counts.items()), default=0.0
    )


def build_candidate(
    connector: Connector, match: Match, before: Binding | None, seen_at: datetime | None = None
) -> ChangeCandidate:
    """What the change of this match needs; makes no call to the cloud."""
    resource = match.resource
    lock = connector.get_lock_key(resource)
    return ChangeCandidate(
        match=match,
        before=before,
        store=connector.store_name(resource),
        # All tasks share the locks, so their names begin with the account.
        lock=None if lock is None else f"{resource.account}/{lock}",
        not_reversible=connector.explain_not_reversible(resource, before),
        unverifiable=connector.explain_unverifiable(resource),
        warnings=connector.list_warnings(resource, before),
        seen_at=seen_at,
    )


class _CurrentBinding(NamedTuple):
    binding: Binding | None
    seen_at: datetime


class _Connectors:
    """Gets each connector from the pool only once."""

    def __init__(self, pool: ConnectorPool) -> None:
        self._pool = pool
        self._known: dict[tuple[str, str], Connector] = {}

    def get(self, match: Match) -> Connector:
        key = match.resource.account, match.resource.service
        if key not in self._known:
            self._known[key] = self._pool.get(*key)
        return self._known[key]


def _add_listed(store: Store, matches: Sequence[Match]) -> Iterator[Match]:
    """The matches with their rows of the inventory; looks up those that have none."""
    for some in batches(matches):
        missing = [each.resource.id for each in some if each.entry is None]
        items = store.inventory.get_many(missing) if missing else {}
        for each in some:
            yield each if each.entry else each._replace(entry=items.get(each.resource.id))


def _find_current(
    listed: InventoryEntry, connector: Connector, oldest: datetime
) -> _CurrentBinding | None:
    """What the inventory has, if that is fresh and enough for a rollback."""
    known_at = listed.read_at or listed.seen_at
    if not listed.binding_known or listed.vanished_at is not None or known_at < oldest:
        return None
    binding = listed.binding
    # A listing may report less than a read.
    listing_alone = listed.read_at is None and not connector.listing_tells_all
    bare = binding is not None and binding.ref is None
    if (
        listing_alone
        and bare
        and connector.explain_not_reversible(listed.resource, binding) is not None
    ):
        return None
    return _CurrentBinding(binding, known_at)


def _read(
    store: Store, unread: Sequence[_Unread], now: datetime, seconds: float, listener: ReadListener
) -> tuple[list[ChangeCandidate], list[Refusal]]:
    """Reads them side by side, and saves what they serve, many at a time."""
    found: list[ChangeCandidate] = []
    refused: list[Refusal] = []
    saved, retrying = 0, RetryingCall()
    with ThreadPoolExecutor(READERS) as readers:
        if unread:
            listener(ReadProgress(0, len(unread), seconds))
        waiting = [readers.submit(_read_one, retrying, each, now) for each in unread]
        for count, future in enumerate(as_completed(waiting), 1):
            result = future.result()
            if isinstance(result, Refusal):
                refused.append(result)
            else:
                found.append(result)
            listener(ReadProgress(count, len(unread), seconds))
            if len(found) - saved >= BATCH or count == len(unread):
                store.inventory.save_read_bindings(_list_informative(found[saved:]), now)
                saved = len(found)
    return found, sorted(refused, key=lambda each: each.subject)


def _read_one(retrying: RetryingCall, each: _Unread, now: datetime) -> ChangeCandidate | Refusal:
    resource = each.match.resource
    try:
        binding = retrying(lambda: each.connector.read(resource))
        return build_candidate(each.connector, each.match, binding, now)
    except CloudError as error:
        code = RefusalCode.UNREAD if isinstance(error, Transient) else RefusalCode.READ
        return Refusal(subject=resource.id, code=code, reason=str(error))


def _list_informative(read: Iterable[ChangeCandidate]) -> Iterator[tuple[str, Binding | None]]:
    """Leaves out "no binding" of services that report none: it does not mean HTTPS is off."""
    for each in read:
        if each.before is not None or not each.unverifiable:
            yield each.match.resource.id, each.before
