"""Finds certificates that do not fit into the stores that they would be uploaded to.

planner.py and preflight call it.
"""

from collections.abc import Iterable
from datetime import datetime

import connectors
from domain.certificates.certificate import Certificate
from domain.errors import CloudError
from domain.model import Value
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.retention import KEEP
from operations.cleanup import classify_installations
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store

MAX_NAMED = 5

StoreKey = tuple[str, str]
"""An account and one of its stores."""


class FullStore(Value):
    """A store that has no room for a certificate.

    `removable` are names of certificates there that `command` would remove. If none can be
    removed, `command` is None. `keeps_former` is false if only those could be removed that a
    cleanup keeps by the settings, in case of a rollback.
    """

    account: str
    store: str
    certificate: str
    removable: tuple[str, ...] = ()
    command: str | None = None
    keeps_former: bool = True

    def __str__(self) -> str:
        full = f"{self.store} of {self.account} is full, so {self.certificate!r} does not fit"
        if self.command is None:
            return f"{full}; nothing there is ours to remove: raise the quota, or delete by hand"
        condition = "" if self.keeps_former else "if no former ones were kept, "
        more = len(self.removable) - MAX_NAMED
        names = ", ".join(self.removable[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
        return f"{full}; {condition}these could be removed: {names} ({self.command})"


def build_plan_without_full_stores(
    store: Store, pool: ConnectorPool, plan: Plan, now: datetime
) -> Plan:
    """The plan with a refusal for each change whose certificate does not fit into its store."""
    refused = find_full_stores(store, pool, plan.changes, now)
    if not refused:
        return plan
    reasons = {each.resource.id: refused.get(_to_location(each)) for each in plan.changes}
    return plan.model_copy(
        update={
            "changes": tuple(c for c in plan.changes if reasons[c.resource.id] is None),
            "refusals": (
                *plan.refusals,
                *(
                    Refusal(subject=resource, code=RefusalCode.STORE_FULL, reason=str(full))
                    for resource, full in reasons.items()
                    if full is not None
                ),
            ),
        }
    )


def find_full_stores(
    store: Store, pool: ConnectorPool, changes: Iterable[Change], now: datetime
) -> dict[tuple[str, StoreKey], FullStore]:
    """Which certificates (fingerprints) do not fit into which stores, with the advice.

    It asks each store once. If a store does not report its limit, or does not answer, nothing is
    refused here: the upload fails then.
    """
    refused: dict[tuple[str, StoreKey], FullStore] = {}
    for key, fingerprints in _list_uploads(store, changes).items():
        held = [store.certificates.get_if_stored(one) for one in sorted(fingerprints)]
        for certificate in _find_excess(pool, key, [one for one in held if one]):
            refused[certificate.fingerprint, key] = _describe(store, key, certificate, now)
    return refused


def _to_location(change: Change) -> tuple[str, StoreKey]:
    """The certificate that a change needs, and its store."""
    fingerprint = change.after.fingerprint if change.after else None
    return fingerprint or "", (change.resource.account, change.store)


def _list_uploads(store: Store, changes: Iterable[Change]) -> dict[StoreKey, set[str]]:
    """The certificates that are not known to be in the store that needs them, by store."""
    listed = list(changes)
    stores = {
        name for name in {change.store for change in listed} if connectors.find_store_service(name)
    }
    needed = {_to_location(change) for change in listed if change.store in stores}
    known = store.installations.list_locations({fingerprint for fingerprint, _ in needed})
    found: dict[StoreKey, set[str]] = {}
    for fingerprint, (account, name) in needed:
        if (fingerprint, account, name) not in known:
            found.setdefault((account, name), set()).add(fingerprint)
    return found


def _find_excess(
    pool: ConnectorPool, key: StoreKey, missing: list[Certificate]
) -> list[Certificate]:
    """The certificates that do not fit; one that is there without our record needs no space."""
    account, name = key
    try:
        keeper = pool.get(account, name.partition("/")[0])
        space = keeper.get_free_space(name)
        if space is None or space >= len(missing):
            return []
        return [one for one in missing if keeper.find_in_store(name, one) is None][max(space, 0) :]
    except CloudError:
        return []


def _describe(store: Store, key: StoreKey, certificate: Certificate, now: datetime) -> FullStore:
    account, name = key
    full = FullStore(account=account, store=name, certificate=certificate.name)
    command = f"certroll certificate cleanup --account {account}"
    if removable := _list_removable(store, key, store.keep_certificates, now):
        return full.model_copy(update={"removable": removable, "command": command})
    if removable := _list_removable(store, key, 0, now):
        update = {"removable": removable, "command": f"{command} --keep 0", "keeps_former": False}
        return full.model_copy(update=update)
    return full


def _list_removable(
    store: Store, key: StoreKey, keep: int | None, now: datetime
) -> tuple[str, ...]:
    """The names of the certificates in a store that a cleanup would remove."""
    account, name = key
    decisions = classify_installations(store, [account], KEEP if keep is None else keep, now)
    return tuple(
        each.entry.name
        for each in decisions
        if each.kept_because is None and each.entry.store == name
    )
