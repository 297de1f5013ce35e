"""Builds a plan from a request; reads the clouds, and changes nothing there.

The CLI and starter/requests call it.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import connectors
from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.plans.builder import ChangeCandidate, build_plan
from domain.plans.estimate import CONCURRENCY, Effort, Estimate, estimate_duration
from domain.plans.filters import Filters
from domain.plans.matching import match
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.request import PlanRequest, check_plan_request
from domain.resources.connector import Traits
from domain.resources.slots import get_default_slot_id
from operations.planning.bindings import ReadListener, read_candidates
from operations.planning.store_capacity import build_plan_without_full_stores
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store


def estimate_plan(pool: ConnectorPool, plan: Plan, concurrency: int = CONCURRENCY) -> Estimate:
    """How long the plan takes, by the rate limits and the calls of a change.

    Raises BadInput for an unknown account.
    """
    services = {(each.resource.account, each.resource.service) for each in plan.changes}
    efforts = {key: _build_effort(pool, *key) for key in services}
    return estimate_duration(plan.changes, efforts, concurrency)


def _build_effort(pool: ConnectorPool, account: str, service: str) -> Effort:
    connector = pool.get(account, service)
    return Effort(
        budget=f"{account}/{connector.budget or service}",
        calls=connector.calls_per_change,
        calls_per_second=pool.get_calls_per_second(account, service),
        seconds=pool.get_propagation_seconds(account, service),
    )


def make_plan(
    store: Store,
    pool: ConnectorPool,
    request: PlanRequest,
    *,
    now: datetime,
    fresh: bool = False,
    listener: ReadListener = lambda reading: None,
) -> Plan:
    """The plan for this request; raises BadInput if the request is wrong.

    What resources serve comes from the inventory while that is young enough; `fresh` reads all of
    them again. A resource that cannot be read becomes a refusal with the cause. `listener` is
    called with the progress of the reading.
    """
    with _pause_garbage_collection():
        return _build(store, pool, request, now, timedelta() if fresh else None, listener)


def _build(
    store: Store,
    pool: ConnectorPool,
    request: PlanRequest,
    now: datetime,
    age: timedelta | None,
    listener: ReadListener,
) -> Plan:
    check_plan_request(request)
    certificates = _list_certificates(store, request, now)
    found = match(request, certificates, store.inventory.iterate_candidates(request))
    candidates, unread = read_candidates(
        store, pool, found.matches, now, age=age, listener=listener
    )
    wanted, left_out = _apply_filters(request, candidates)
    plan = build_plan(
        certificates,
        wanted,
        load_traits(each.match.resource.service for each in wanted),
        [*found.refusals, *unread, *left_out],
        now,
        require_coverage=request.require_coverage,
        whole_vault=request.takes_whole_vault,
        near_misses=found.near_misses,
        unchanged_before=_list_default_slots(store, wanted),
    )
    return build_plan_without_full_stores(store, pool, plan, now)


def _list_default_slots(store: Store, wanted: Sequence[ChangeCandidate]) -> list[Change]:
    """Default slots that already serve what their listener shall get as an additional one.

    The filters of the request leave them out, and the listener refuses the certificate all the
    same.
    """
    by_default_slot = {
        beside: each for each in wanted if (beside := get_default_slot_id(each.match.resource))
    }
    for each in wanted:
        by_default_slot.pop(each.match.resource.id, None)
    return [
        Change(
            resource=item.resource,
            before=item.binding,
            after=item.binding,
            store=by_default_slot[key].store,
            lock=by_default_slot[key].lock,
        )
        for key, item in store.inventory.get_many(by_default_slot).items()
        if item.binding is not None
    ]


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """The collector took a third of the time for millions of values without a cycle."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def load_traits(services: Iterable[str]) -> dict[str, Traits]:
    return {each: connectors.load_connector(each).get_traits(each) for each in set(services)}


def _list_certificates(store: Store, request: PlanRequest, now: datetime) -> list[Certificate]:
    if not request.takes_whole_vault:
        return [store.certificates.get(fingerprint) for fingerprint in request.certificates]
    valid = [each for each in store.certificates.list() if each.not_before <= now < each.not_after]
    if not valid:
        raise BadInput(
            "the vault has no valid certificate",
            where="--certificate",
            fix="Upload one (certroll certificate upload).",
            code="no-valid-certificate",
        )
    return valid


def _apply_filters(
    request: PlanRequest, candidates: Sequence[ChangeCandidate]
) -> tuple[list[ChangeCandidate], list[Refusal]]:
    """Applies the filters again to bindings that were just read; named resources are refused."""
    if not request.filters_by_binding:
        return list(candidates), []
    filters = Filters(request)
    kept: list[ChangeCandidate] = []
    refused: list[Refusal] = []
    for each in candidates:
        reason = filters.explain_binding_left_out(each.before)
        if reason is None:
            kept.append(each)
        elif each.match.named:
            refused.append(
                Refusal(subject=each.match.resource.id, code=RefusalCode.FILTER, reason=reason)
            )
    return kept, refused
