"""The second half of a walk: reads what resources serve where no listing tells it."""

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
from domain.resources.inventory_sync import WalkRecord
from domain.resources.resource import Binding, Resource
from storage.inventory.unread_bindings import Since
from storage.statements import BATCH, batches
from storage.store import Store

CODE = "AnotherWalk"


def ours(before: WalkRecord, after: WalkRecord | None) -> WalkRecord:
    """Where our walk stands now; raises Transient where another one has begun meanwhile."""
    if after is None:
        raise Transient(
            f"another walk through {before.service} of {before.account} has begun meanwhile",
            code=CODE,
            advice="Look: certroll inventory status",
        )
    return after


Told = Callable[[WalkRecord], None]

READERS = 16
SECONDS_PER_BATCH = 4.0
LONGEST = timedelta(hours=1)
"""Of one attempt. What it leaves is what the next walk reads first."""


class _Answer(NamedTuple):
    """What a resource serves, or why that was not told."""

    resource: Resource
    binding: Binding | None = None
    error: CloudError | None = None


def read_untold(
    store: Store, connector: Connector, calls_per_second: float, walk: WalkRecord, told: Told
) -> WalkRecord:
    """Reads what was not read for the longest time first, and ends the walk.

    How far it came needs no cursor: what was read, or asked in vain, has the time of it. What one
    resource does not tell stops no other, and is asked once more at the end where that may help.
    But where a whole batch fails, Transient is raised if that may mend itself, and where it is
    forbidden the walk ends with that as its error.
    """
    since = Since(walk.began_at - store.read_age, walk.began_at)
    unread = store.inventory.untold(walk.account, walk.service, since)
    size = max(1, min(BATCH, int(calls_per_second * SECONDS_PER_BATCH)))
    until = monotonic() + LONGEST.total_seconds()
    with ThreadPoolExecutor(READERS, thread_name_prefix="reader") as readers:
        reading = _Reading(store, connector, walk, told, readers)
        for ids in chain(batches(unread, size), reading.once_more(size)):
            reading.read(ids)
            if reading.is_forbidden or monotonic() > until:
                break
    cause = Cause.from_error(reading.forbidden) if reading.forbidden else None
    return ours(reading.walk, store.syncs.end(reading.walk, datetime.now(UTC), cause))


class _Reading:
    """Batch after batch. `forbidden` is the first refusal that a person has to mend."""

    def __init__(
        self, store: Store, connector: Connector, walk: WalkRecord, told: Told, readers: Executor
    ) -> None:
        self.walk = walk
        self.forbidden: NeedsOperator | None = None
        self.is_forbidden = False
        self._store, self._connector, self._told, self._readers = store, connector, told, readers
        self._failed: list[str] = []
        self._first_round = True

    def once_more(self, size: int) -> Iterator[list[str]]:
        """What failed for the moment only, when all else has been read."""
        self._first_round = False
        yield from batches(self._failed, size)

    def read(self, ids: Sequence[str]) -> None:
        """Reads these side by side, and keeps what they told."""
        at = max(datetime.now(UTC), self.walk.began_at)
        resources = [item.resource for item in self._store.inventory.some(ids).values()]
        answers = list(self._readers.map(partial(_ask, self._connector), resources))
        _keep(self._store, self._connector, answers, at)
        read = sum(each.error is None for each in answers)
        self.walk = ours(self.walk, self._store.syncs.read_on(self.walk, read))
        self._told(self.walk)
        self._look_at([each for each in answers if each.error], all_failed=not read)

    def _look_at(self, failed: Sequence[_Answer], *, all_failed: bool) -> None:
        """Whether to go on, and what to ask once more."""
        refused = [each.error for each in failed if isinstance(each.error, NeedsOperator)]
        passing = [
            (each.resource.id, each.error) for each in failed if isinstance(each.error, Transient)
        ]
        self.forbidden = self.forbidden or next(iter(refused), None)
        if self._first_round:
            if passing and all_failed:
                raise passing[0][1]
            self._failed += [resource_id for resource_id, _ in passing]
        self.is_forbidden = bool(refused) and all_failed


def _ask(connector: Connector, resource: Resource) -> _Answer:
    try:
        return _Answer(resource, connector.read(resource))
    except CloudError as error:
        return _Answer(resource, error=error)


def _keep(
    store: Store, connector: Connector, answers: Sequence[_Answer], asked_at: datetime
) -> None:
    """Writes down what was told, and of what was not, that it was asked."""
    told = [each for each in answers if each.error is None and _tells(connector, each)]
    store.inventory.record_bindings(((a.resource.id, a.binding) for a in told), asked_at)
    silent = {each.resource.id for each in answers} - {each.resource.id for each in told}
    store.inventory.asked_in_vain(silent, asked_at)


def _tells(connector: Connector, answer: _Answer) -> bool:
    """Nothing remembered of what no service tells: that is not to say that HTTPS is off."""
    return answer.binding is not None or connector.unproven(answer.resource) is None
