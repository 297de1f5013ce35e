"""Taking former certificates out of the providers' stores: only ours, only what nobody needs."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from temporalio import activity

import connectors
from activities.bookkeeping import TaskAt
from activities.clouds import Clouds
from activities.failures import told_to_the_engine
from activities.heartbeats import Heart
from domain.connector import Connector
from domain.errors import CloudError
from domain.retention import Held, Verdict, judge
from storage.store import Store

KIND, BY = "cleanup", "certroll"
WANTED = "a task that deploys it was made meanwhile"


def survey(store: Store, accounts: Iterable[str], keep: int, now: datetime) -> list[Verdict]:
    """What may go and what stays, by all that is known here; makes no call to a cloud."""
    names = {each.fingerprint: each.names for each in store.certificates.list()}
    return [
        verdict for account in accounts for verdict in _survey(store, account, names, keep, now)
    ]


def _survey(
    store: Store, account: str, names: dict[str, tuple[str, ...]], keep: int, now: datetime
) -> list[Verdict]:
    held = [one for one in store.installations.held(account) if connectors.keeper(one.store)]
    ours = {one.fingerprint: names.get(one.fingerprint, ()) for one in held if one.uploaded}
    if not ours:
        return judge(held, (), (), keep)
    places = store.usage.places(account, ours, now)
    needs = store.usage.needs(account, ours, now)
    verdicts = judge(held, places, needs, keep)
    # What served when is asked last, and only of what nothing else keeps: it is long to tell.
    left = {each.held.fingerprint for each in verdicts if each.stays is None}
    if not left:
        return verdicts
    return judge(held, [*places, *store.usage.past(account, left, now)], needs, keep)


def asked(clouds: Clouds, verdict: Verdict) -> Verdict:
    """The same, with the store's own word on who uses what would go. Raises CloudError."""
    if verdict.stays is not None:
        return verdict
    held = verdict.held
    return verdict.model_copy(update={"stays": keeper(clouds, held).removable(held.ref)})


def take_out(store: Store, clouds: Clouds, held: Held) -> str | None:
    """Removes it from its store; why not, if a task wants it by now. Raises CloudError.

    It is forgotten here after it is gone there: a crash in between removes it once more.
    """
    if store.usage.wanted(held.fingerprint):
        return WANTED
    keeper(clouds, held).remove(held.ref)
    store.installations.forget(held.fingerprint, held.account, held.store)
    return None


def keeper(clouds: Clouds, held: Held) -> Connector:
    """The connector that keeps the store in which it lies."""
    return clouds.connector(held.account, held.store.partition("/")[0])


class Cleanup:
    """The step after a task; built by worker.py with what it needs."""

    def __init__(self, store: Store, clouds: Clouds, heart: Heart) -> None:
        self._store, self._clouds, self._heart = store, clouds, heart

    # An exception out of nowhere could come between a removal and its record.
    @activity.defn(no_thread_cancel_exception=True)
    def clean_up(self, task: TaskAt) -> int:
        """Removes what may go from the stores of the task's accounts; how many did.

        What a store refuses is told in the task's audit, and the rest of that store is left alone.
        """
        keep = self._store.keep_certificates
        if keep is None:
            return 0
        with told_to_the_engine(), self._heart.beating():
            accounts = self._store.usage.accounts(task.task_id)
            verdicts = survey(self._store, accounts, keep, task.at)
            return sum(self._empty(task, each) for each in by_store(verdicts))

    def _empty(self, task: TaskAt, verdicts: Sequence[Verdict]) -> int:
        removed = 0
        for verdict in verdicts:
            if activity.in_activity() and (
                activity.is_cancelled() or activity.is_worker_shutdown()
            ):
                break
            try:
                removed += self._remove(task, verdict)
            except CloudError as error:
                self._tell(task, f"{described(verdict.held)} could not be removed: {error}")
                break
        return removed

    def _remove(self, task: TaskAt, verdict: Verdict) -> bool:
        held = verdict.held
        if asked(self._clouds, verdict).stays or take_out(self._store, self._clouds, held):
            return False
        self._tell(task, f"{described(held)} is removed, nothing needs it any more")
        return True

    def _tell(self, task: TaskAt, text: str) -> None:
        self._store.tasks.event(task.task_id, KIND, BY, text, task.at)


def by_store(verdicts: Iterable[Verdict]) -> Iterator[list[Verdict]]:
    """What may go, store by store."""
    found: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.stays is None:
            found.setdefault((verdict.held.account, verdict.held.store), []).append(verdict)
    yield from found.values()


def described(held: Held) -> str:
    """What a person reads of it."""
    return f"{held.name} ({held.fingerprint[:12]}) in {held.store} of {held.account}"
