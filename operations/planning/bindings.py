"""What matched resources serve now: as it was seen lately, or read again where it must be."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime, timedelta
from threading import Lock
from time import sleep
from typing import NamedTuple, TypeVar

from domain.errors import CloudError, Transient
from domain.plans.builder import Candidate
from domain.plans.matching import Listed, Match
from domain.plans.plan import UNREAD, Refusal
from domain.resources.connector import Connector
from domain.resources.resource import Binding, Resource
from operations.runtime.connector_pool import Clouds
from storage.statements import BATCH, batches
from storage.store import Store

Answer = TypeVar("Answer")

TRIES = 5
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
OUTAGE = 40
"""Questions in a row that no try answered: from then on each is asked only once."""


class Asking:
    """Shared by the threads that ask. `pause` waits for so many seconds."""

    def __init__(self, pause: Callable[[float], None] = sleep) -> None:
        self._pause, self._lock, self._in_vain = pause, Lock(), 0

    def __call__(self, question: Callable[[], Answer]) -> Answer:
        """The answer; raises what the last try did.

        The provider's own word on when to come back is heeded, as far as a person waits for it.
        """
        for number in range(self._tries() - 1):
            try:
                return self._answered(question())
            except Transient as error:
                hint = error.retry_after or FIRST_PAUSE * 2**number
                self._pause(min(hint, LONGEST_PAUSE))
        try:
            return self._answered(question())
        except Transient:
            with self._lock:
                self._in_vain += 1
            raise

    def _tries(self) -> int:
        return TRIES if self._in_vain < OUTAGE else 1

    def _answered(self, answer: Answer) -> Answer:
        self._in_vain = 0
        return answer


READERS = 32


class Reading(NamedTuple):
    """How far the reading has come, and how long it takes at least by the rate budgets."""

    done: int
    total: int
    seconds: float


Told = Callable[[Reading], None]


class _Unread(NamedTuple):
    match: Match
    connector: Connector
    forgetful: bool


def read_all(
    store: Store,
    clouds: Clouds,
    matches: Sequence[Match],
    now: datetime,
    *,
    age: timedelta | None = None,
    told: Told = lambda reading: None,
) -> tuple[list[Candidate], list[Refusal]]:
    """Each match with what its resource serves now, or a refusal where a cloud does not tell.

    What was seen within `age` (by default the store's `inventory_age`) is taken as it is, if it has
    what a way back needs: whoever changes the resource compares again before.
    """
    oldest = now - (store.inventory_age if age is None else age)
    here: list[Candidate] = []
    unread: list[_Unread] = []
    connectors = _Connectors(clouds)
    for match in _listed(store, matches):
        connector = connectors.of(match)
        known = match.listed and _known(match.listed, connector, oldest)
        if known:
            here.append(candidate(connector, match, known.binding, known.seen_at))
        else:
            forgetful = connector.unproven(match.resource) is not None
            unread.append(_Unread(match, connector, forgetful))
    seconds = least_seconds(clouds, (each.match.resource for each in unread))
    read, refused = _read(store, unread, now, seconds, told)
    return here + read, refused


def least_seconds(clouds: Clouds, resources: Iterable[Resource]) -> float:
    """How long it takes at least to read these: one call each, and services side by side."""
    counts = Counter((each.account, each.service) for each in resources)
    return max(
        (count / clouds.calls_per_second(*place) for place, count in counts.items()), default=0.0
    )


def candidate(
    connector: Connector, match: Match, before: Binding | None, seen_at: datetime | None = None
) -> Candidate:
    """What a change of this match needs beside its bindings; makes no call to the cloud."""
    resource = match.resource
    lock = connector.lock_key(resource)
    return Candidate(
        match=match,
        before=before,
        store=connector.store(resource),
        # Locks are held across tasks, so their names carry the account.
        lock=None if lock is None else f"{resource.account}/{lock}",
        not_reversible=connector.not_reversible(resource, before),
        unproven=connector.unproven(resource),
        warnings=connector.warnings(resource, before),
        seen_at=seen_at,
    )


class _Seen(NamedTuple):
    binding: Binding | None
    seen_at: datetime


class _Connectors:
    """Connectors by account and service, asked for once each."""

    def __init__(self, clouds: Clouds) -> None:
        self._clouds = clouds
        self._known: dict[tuple[str, str], Connector] = {}

    def of(self, match: Match) -> Connector:
        """The one of this resource."""
        place = match.resource.account, match.resource.service
        if place not in self._known:
            self._known[place] = self._clouds.connector(*place)
        return self._known[place]


def _listed(store: Store, matches: Sequence[Match]) -> Iterator[Match]:
    """The matches with their rows of the inventory, looked up where they came without."""
    for some in batches(matches):
        lacking = [each.resource.id for each in some if each.listed is None]
        items = store.inventory.some(lacking) if lacking else {}
        for each in some:
            yield each if each.listed else each._replace(listed=items.get(each.resource.id))


def _known(listed: Listed, connector: Connector, oldest: datetime) -> _Seen | None:
    """What the inventory tells, if that is fresh and enough for a way back."""
    told_at = listed.read_at or listed.seen_at
    if not listed.binding_known or listed.vanished_at is not None or told_at < oldest:
        return None
    binding = listed.binding
    # A listing may tell less than a read does.
    listing_alone = listed.read_at is None and not connector.listing_tells_all
    bare = binding is not None and binding.ref is None
    if listing_alone and bare and connector.not_reversible(listed.resource, binding) is not None:
        return None
    return _Seen(binding, told_at)


def _read(
    store: Store, unread: Sequence[_Unread], now: datetime, seconds: float, told: Told
) -> tuple[list[Candidate], list[Refusal]]:
    """Reads them side by side, and keeps what they told, many at a time."""
    found: list[Candidate] = []
    refused: list[Refusal] = []
    kept, ask = 0, Asking()
    with ThreadPoolExecutor(READERS) as readers:
        if unread:
            told(Reading(0, len(unread), seconds))
        waiting = [readers.submit(_answer, ask, each, now) for each in unread]
        for done, answer in enumerate(as_completed(waiting), 1):
            result = answer.result()
            if isinstance(result, Refusal):
                refused.append(result)
            else:
                found.append(result)
            told(Reading(done, len(unread), seconds))
            if len(found) - kept >= BATCH or done == len(unread):
                store.inventory.record_bindings(_worth_keeping(found[kept:]), now)
                kept = len(found)
    return found, sorted(refused, key=lambda each: each.subject)


def _answer(ask: Asking, each: _Unread, now: datetime) -> Candidate | Refusal:
    resource = each.match.resource
    try:
        binding = ask(lambda: each.connector.read(resource))
        return candidate(each.connector, each.match, binding, now)
    except CloudError as error:
        rule = UNREAD if isinstance(error, Transient) else "read"
        return Refusal(subject=resource.id, rule=rule, reason=str(error))


def _worth_keeping(read: Iterable[Candidate]) -> Iterator[tuple[str, Binding | None]]:
    """Nothing remembered of what no service tells: that is not to say that HTTPS is off."""
    for each in read:
        if each.before is not None or not each.unproven:
            yield each.match.resource.id, each.before
