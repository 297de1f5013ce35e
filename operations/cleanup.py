"""Removes former certificates of ours from the providers' stores, if nothing needs them.

The activity `clean_up` calls it after a task, and so does `certroll certificate cleanup`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import connectors
from domain.errors import CloudError
from domain.resources.connector import Connector
from domain.resources.retention import (
    RetentionCode,
    RetentionDecision,
    StoreEntry,
    decide_retention,
)
from domain.tasks.audit import CERTROLL, TaskEventCode
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store

NEEDED_BY_TASK = "a task that deploys it was created meanwhile"


def clean_up(
    store: Store, pool: ConnectorPool, task_id: str, at: datetime, is_stopping: Callable[[], bool]
) -> int:
    """Removes what may go from the stores of the task's accounts; returns how many.

    An error of a store goes to the task's audit log, and the rest of that store is left alone.
    Does nothing if CERTROLL_KEEP_CERTIFICATES keeps all. Ends early once `is_stopping`.
    """
    keep = store.keep_certificates
    if keep is None:
        return 0

    def record(text: str) -> None:
        store.tasks.add_event(task_id, TaskEventCode.CLEANUP, CERTROLL, text, at)

    accounts = store.usage.list_accounts(task_id)
    decisions = classify_installations(store, accounts, keep, at)
    return sum(
        _clean_store(store, pool, group, record, is_stopping)
        for group in group_removable_by_store(decisions)
    )


def _clean_store(
    store: Store,
    pool: ConnectorPool,
    decisions: Sequence[RetentionDecision],
    record: Callable[[str], None],
    is_stopping: Callable[[], bool],
) -> int:
    removed = 0
    for decision in decisions:
        if is_stopping():
            break
        held = decision.entry
        try:
            if check_in_use(pool, decision).kept_because or remove_from_store(store, pool, held):
                continue
        except CloudError as error:
            record(f"{describe_installation(held)} could not be removed: {error}")
            break
        record(f"{describe_installation(held)} was removed: nothing needs it any more")
        removed += 1
    return removed


def classify_installations(
    store: Store, accounts: Iterable[str], keep: int, now: datetime
) -> list[RetentionDecision]:
    """Which certificates may go and which stay, by what storage knows; calls no cloud."""
    names = {each.fingerprint: each.names for each in store.certificates.list()}
    return [
        decision
        for account in accounts
        for decision in _classify_account(store, account, names, keep, now)
    ]


def _classify_account(
    store: Store, account: str, names: dict[str, tuple[str, ...]], keep: int, now: datetime
) -> list[RetentionDecision]:
    held = [
        one for one in store.installations.list(account) if connectors.find_store_service(one.store)
    ]
    ours = {one.fingerprint: names.get(one.fingerprint, ()) for one in held if one.uploaded}
    if not ours:
        return decide_retention(held, (), (), keep)
    serving = store.usage.list_serving(account, ours, now)
    needs = store.usage.list_needs(account, ours, now)
    decisions = decide_retention(held, serving, needs, keep)
    # The history of deployments is slow to query: only for what nothing else keeps.
    removable = {each.entry.fingerprint for each in decisions if each.kept_because is None}
    if not removable:
        return decisions
    deployed = store.usage.list_deployed(account, removable, now)
    return decide_retention(held, [*serving, *deployed], needs, keep)


def check_in_use(pool: ConnectorPool, decision: RetentionDecision) -> RetentionDecision:
    """Asks the store whether a removable certificate is in use there. Raises CloudError."""
    if decision.kept_because is not None:
        return decision
    held = decision.entry
    reason = get_store_connector(pool, held).in_use_by(held.ref)
    code = RetentionCode.IN_USE if reason is not None else None
    return decision.model_copy(update={"kept_because": reason, "code": code})


def remove_from_store(store: Store, pool: ConnectorPool, held: StoreEntry) -> str | None:
    """Removes the certificate; returns why not, if a new task needs it. Raises CloudError.

    Our record is deleted last: after a crash in between the removal is repeated.
    """
    if store.usage.is_deployed_by_open_task(held.fingerprint):
        return NEEDED_BY_TASK
    get_store_connector(pool, held).remove(held.ref)
    store.installations.delete(held.fingerprint, held.account, held.store)
    return None


def get_store_connector(pool: ConnectorPool, held: StoreEntry) -> Connector:
    """The connector of the service that keeps the store: "alibaba.cas" of "alibaba.cas/cn"."""
    return pool.get(held.account, held.store.partition("/")[0])


def group_removable_by_store(
    decisions: Iterable[RetentionDecision],
) -> Iterator[list[RetentionDecision]]:
    groups: dict[tuple[str, str], list[RetentionDecision]] = {}
    for decision in decisions:
        if decision.kept_because is None:
            key = (decision.entry.account, decision.entry.store)
            groups.setdefault(key, []).append(decision)
    yield from groups.values()


def describe_installation(held: StoreEntry) -> str:
    return f"{held.name} ({held.fingerprint[:12]}) in {held.store} of {held.account}"
