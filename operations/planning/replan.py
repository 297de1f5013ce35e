"""Looking at a saved plan again: its own resources and certificates as they are now."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.certificates.certificate import Certificate
from domain.errors import BadInput, Transient
from domain.plans.builder import assemble
from domain.plans.matching import Match
from domain.plans.plan import UNREAD, Change, Plan, Refusal
from domain.resources.inventory_item import InventoryItem
from operations.planning.bindings import least_seconds, read_all
from operations.planning.planner import traits_of
from operations.runtime.connector_pool import Clouds
from storage.store import Store

LONGEST_READING = 10.0
"""Seconds by the calls that services allow: what takes no longer is read again in any case."""


def as_now(
    store: Store,
    clouds: Clouds,
    plan: Plan,
    *,
    now: datetime,
    begins: datetime,
    require_coverage: bool = False,
) -> Plan:
    """The same resources with the same certificates, as they would be planned now.

    What cannot be done any more is among the refusals; Transient where a cloud does not answer,
    since that is no difference. Certificates must be valid at `begins`. Of
    a large plan what the inventory knows is taken as it is: a change compares once more.
    """
    known = certificates(store, plan.certificates)
    items = store.inventory.some(change.resource.id for change in plan.changes)
    found = [_match(change, items, known) for change in plan.changes]
    matches = [each for each in found if isinstance(each, Match)]
    missing = [each for each in found if isinstance(each, Refusal)]
    seconds = least_seconds(clouds, (each.resource for each in matches))
    age = timedelta() if seconds <= LONGEST_READING else None
    candidates, unread = read_all(store, clouds, matches, now, age=age)
    if silent := [each for each in unread if each.rule == UNREAD]:
        raise _not_told(silent)
    return assemble(
        list(known.values()),
        candidates,
        traits_of(each.resource.service for each in matches),
        [*missing, *unread],
        begins,
        require_coverage=require_coverage,
    )


def _not_told(unread: Sequence[Refusal]) -> Transient:
    first = unread[0]
    return Transient(
        f"what {len(unread)} resources of the plan serve now could not be read "
        f"({first.subject}: {first.reason})",
        code="Unread",
        advice="Nothing was changed. Try again in a moment, or once the cause is mended.",
    )


def certificates(store: Store, fingerprints: Iterable[str]) -> dict[str, Certificate]:
    """Those that are still stored, by fingerprint."""
    found: dict[str, Certificate] = {}
    for fingerprint in fingerprints:
        try:
            found[fingerprint] = store.certificates.get(fingerprint)
        except BadInput:
            continue
    return found


def _match(
    change: Change, items: dict[str, InventoryItem], known: dict[str, Certificate]
) -> Match | Refusal:
    item = items.get(change.resource.id)
    certificate = known.get(change.after.fingerprint or "") if change.after else None
    if item is None:
        return _missing(change, "the resource is not in the inventory any more")
    if item.vanished_at is not None:
        when = f"{item.vanished_at:%Y-%m-%d %H:%M} UTC"
        return _missing(change, f"the resource has vanished (at {when})")
    if certificate is None:
        return _missing(change, "its certificate was deleted")
    return Match(resource=item.resource, certificate=certificate, named=True, listed=item)


def _missing(change: Change, reason: str) -> Refusal:
    return Refusal(subject=change.resource.id, rule="missing", reason=reason)
