"""Whether the certificates of a plan still fit into the stores that they would be uploaded to."""

from collections.abc import Iterable
from datetime import datetime

import connectors
from domain.certificates.certificate import Certificate
from domain.errors import CloudError
from domain.plans.plan import Change, Plan, Refusal
from domain.preflight.checks import CHECK
from domain.resources.retention import KEEP
from operations.cleanup import survey
from operations.runtime.connector_pool import Clouds
from storage.store import Store

RULE = CHECK["C15"].name
MOST_NAMED = 5

Shelf = tuple[str, str]
"""An account and one of its stores."""


def refuse_full(store: Store, clouds: Clouds, plan: Plan, now: datetime) -> Plan:
    """The plan without the changes whose certificate no longer fits into its store.

    See `full` for what is asked.
    """
    refused = full(store, clouds, plan.changes, now)
    if not refused:
        return plan
    reasons = {each.resource.id: refused.get(_goes(each)) for each in plan.changes}
    return plan.model_copy(
        update={
            "changes": tuple(c for c in plan.changes if reasons[c.resource.id] is None),
            "refusals": (
                *plan.refusals,
                *(
                    Refusal(subject=resource, rule=RULE, reason=reason)
                    for resource, reason in reasons.items()
                    if reason is not None
                ),
            ),
        }
    )


def full(
    store: Store, clouds: Clouds, changes: Iterable[Change], now: datetime
) -> dict[tuple[str, Shelf], str]:
    """Which certificates (fingerprints) do not fit into which stores, with why and what to do.

    Each store is asked once. One that does not tell its limit, or does not answer, refuses nothing
    here: what is too much is refused at the upload then.
    """
    refused: dict[tuple[str, Shelf], str] = {}
    for shelf, fingerprints in _uploads(store, changes).items():
        held = [store.certificates.held(one) for one in sorted(fingerprints)]
        for certificate in _too_many(clouds, shelf, [one for one in held if one]):
            reason = _reason(store, shelf, certificate, now)
            refused[certificate.fingerprint, shelf] = reason
    return refused


def _goes(change: Change) -> tuple[str, Shelf]:
    """Which certificate a change needs, and where."""
    fingerprint = change.after.fingerprint if change.after else None
    return fingerprint or "", (change.resource.account, change.store)


def _uploads(store: Store, changes: Iterable[Change]) -> dict[Shelf, set[str]]:
    """What is not known to lie where it is needed, by store."""
    asked = list(changes)
    kept = {name for name in {change.store for change in asked} if connectors.keeper(name)}
    needed = {_goes(change) for change in asked if change.store in kept}
    there = store.installations.lying({fingerprint for fingerprint, _ in needed})
    found: dict[Shelf, set[str]] = {}
    for fingerprint, (account, name) in needed:
        if (fingerprint, account, name) not in there:
            found.setdefault((account, name), set()).add(fingerprint)
    return found


def _too_many(clouds: Clouds, shelf: Shelf, missing: list[Certificate]) -> list[Certificate]:
    """Those that do not fit. What lies there though it is not known here needs no space."""
    account, name = shelf
    try:
        keeper = clouds.connector(account, name.partition("/")[0])
        space = keeper.space(name)
        if space is None or space >= len(missing):
            return []
        return [one for one in missing if keeper.lying(name, one) is None][max(space, 0) :]
    except CloudError:
        return []


def _reason(store: Store, shelf: Shelf, certificate: Certificate, now: datetime) -> str:
    account, name = shelf
    full = f"{name} of {account} takes no more certificates, so {certificate.name!r} does not fit"
    command = f"certroll certificate cleanup --account {account}"
    if could := _may_go(store, shelf, store.keep_certificates, now):
        return f"{full}; these could go: {could} ({command})"
    if could := _may_go(store, shelf, 0, now):
        return f"{full}; if no former ones were kept, these could go: {could} ({command} --keep 0)"
    return f"{full}; nothing there is ours to remove: raise the quota, or delete by hand"


def _may_go(store: Store, shelf: Shelf, keep: int | None, now: datetime) -> str:
    account, name = shelf
    verdicts = survey(store, [account], KEEP if keep is None else keep, now)
    here = [each.held.name for each in verdicts if each.stays is None and each.held.store == name]
    more = f" and {len(here) - MOST_NAMED} more" if len(here) > MOST_NAMED else ""
    return ", ".join(here[:MOST_NAMED]) + more
