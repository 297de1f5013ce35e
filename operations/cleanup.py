"""Taking former certificates out of the providers' stores: only ours, only what nobody needs."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import connectors
from domain.resources.connector import Connector
from domain.resources.retention import Held, Verdict, judge
from operations.runtime.connector_pool import Clouds
from storage.store import Store

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
