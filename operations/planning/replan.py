"""Builds a saved plan again, with its resources and certificates as they are now.

starter/requests/plans.py calls it before a saved plan is deployed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from domain.certificates.certificate import Certificate
from domain.errors import BadInput, Transient
from domain.plans.builder import build_plan
from domain.plans.matching import Match
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.inventory_item import InventoryItem
from operations.planning.bindings import estimate_read_seconds, read_candidates
from operations.planning.planner import load_traits
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store

MAX_READ_SECONDS = 10.0
"""If the rate limits allow to read all resources in this time, they are read again."""


def replan(
    store: Store,
    pool: ConnectorPool,
    plan: Plan,
    *,
    now: datetime,
    start: datetime,
    require_coverage: bool = False,
) -> Plan:
    """The same resources with the same certificates, as they would be planned now.

    Changes that are not possible any more become refusals. Raises Transient if a cloud does not
    answer, since that is no difference. Certificates must be valid at `start`. Of a large plan the
    inventory is enough: the deployment reads each resource again.
    """
    known = find_certificates(store, plan.certificates)
    items = store.inventory.get_many(change.resource.id for change in plan.changes)
    results = [_build_match(change, items, known) for change in plan.changes]
    matches = [each for each in results if isinstance(each, Match)]
    missing = [each for each in results if isinstance(each, Refusal)]
    seconds = estimate_read_seconds(pool, (each.resource for each in matches))
    age = timedelta() if seconds <= MAX_READ_SECONDS else None
    candidates, unread = read_candidates(store, pool, matches, now, age=age)
    if unanswered := [each for each in unread if each.code == RefusalCode.UNREAD]:
        raise _build_unread_error(unanswered)
    return build_plan(
        list(known.values()),
        candidates,
        load_traits(each.resource.service for each in matches),
        [*missing, *unread],
        start,
        require_coverage=require_coverage,
    )


def _build_unread_error(unread: Sequence[Refusal]) -> Transient:
    first = unread[0]
    return Transient(
        f"what {len(unread)} resources of the plan serve now could not be read "
        f"({first.subject}: {first.reason})",
        code="Unread",
        advice="Nothing was changed. Try again in a moment, or once the cause is fixed.",
    )


def find_certificates(store: Store, fingerprints: Iterable[str]) -> dict[str, Certificate]:
    """The certificates that are still stored, by fingerprint."""
    found: dict[str, Certificate] = {}
    for fingerprint in fingerprints:
        try:
            found[fingerprint] = store.certificates.get(fingerprint)
        except BadInput:
            continue
    return found


def _build_match(
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
    return Match(resource=item.resource, certificate=certificate, named=True, entry=item)


def _missing(change: Change, reason: str) -> Refusal:
    return Refusal(subject=change.resource.id, code=RefusalCode.MISSING, reason=reason)
