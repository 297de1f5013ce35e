"""Making a plan: asks the clouds what their resources serve now, and changes nothing there."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import connectors
from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.plans.builder import Candidate, assemble
from domain.plans.estimate import CONCURRENCY, Effort, Estimate, estimate
from domain.plans.filters import Filters
from domain.plans.matching import match
from domain.plans.plan import Change, Plan, Refusal
from domain.plans.request import PlanRequest, check_wish
from domain.resources.connector import Traits
from domain.resources.slots import default_beside
from operations.planning.bindings import Told, read_all
from operations.planning.store_capacity import refuse_full
from operations.runtime.connector_pool import Clouds
from storage.store import Store


def estimate_of(clouds: Clouds, plan: Plan, concurrency: int = CONCURRENCY) -> Estimate:
    """From the rate budgets and the calls that a change takes; BadInput for an unknown account."""
    places = {(each.resource.account, each.resource.service) for each in plan.changes}
    return estimate(plan.changes, {place: _effort(clouds, *place) for place in places}, concurrency)


def _effort(clouds: Clouds, account: str, service: str) -> Effort:
    connector = clouds.connector(account, service)
    return Effort(
        budget=f"{account}/{connector.budget or service}",
        calls=connector.calls_per_change,
        calls_per_second=clouds.calls_per_second(account, service),
        seconds=clouds.propagation(account, service),
    )


def make_plan(
    store: Store,
    clouds: Clouds,
    wish: PlanRequest,
    *,
    now: datetime,
    fresh: bool = False,
    told: Told = lambda reading: None,
) -> Plan:
    """The plan for this wish; raises BadInput where the wish itself is wrong.

    What resources serve is known from the inventory as long as that is young enough; `fresh` has
    all of them read again. Whatever a cloud refuses to tell becomes a refusal of that resource
    with its cause. `told` hears how many resources must be read again, and how many have been.
    """
    with _without_collecting():
        return _made(store, clouds, wish, now, timedelta() if fresh else None, told)


def _made(
    store: Store, clouds: Clouds, wish: PlanRequest, now: datetime, age: timedelta | None, told: Told
) -> Plan:
    check_wish(wish)
    certificates = _certificates(store, wish, now)
    found = match(wish, certificates, store.inventory.candidates(wish))
    candidates, unread = read_all(store, clouds, found.matches, now, age=age, told=told)
    wanted, left_out = _still_meant(wish, candidates)
    plan = assemble(
        certificates,
        wanted,
        traits_of(each.match.resource.service for each in wanted),
        [*found.refusals, *unread, *left_out],
        now,
        require_coverage=wish.require_coverage,
        of_the_vault=wish.of_the_vault,
        near_misses=found.near_misses,
        standing=_beside(store, wanted),
    )
    return refuse_full(store, clouds, plan, now)


def _beside(store: Store, wanted: Sequence[Candidate]) -> list[Change]:
    """Default slots that serve already what their listener shall get as an additional one.

    Filters leave them out of the wish, and the listener refuses the certificate all the same.
    """
    asked = {beside: each for each in wanted if (beside := default_beside(each.match.resource))}
    for each in wanted:
        asked.pop(each.match.resource.id, None)
    return [
        Change(
            resource=item.resource,
            before=item.binding,
            after=item.binding,
            store=asked[key].store,
            lock=asked[key].lock,
        )
        for key, item in store.inventory.some(asked).items()
        if item.binding is not None
    ]


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Looking for cycles among millions of values that have none took a third of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def traits_of(services: Iterable[str]) -> dict[str, Traits]:
    """The rules of each of these services."""
    return {each: connectors.load(each).traits(each) for each in set(services)}


def _certificates(store: Store, wish: PlanRequest, now: datetime) -> list[Certificate]:
    if not wish.of_the_vault:
        return [store.certificates.get(fingerprint) for fingerprint in wish.certificates]
    valid = [each for each in store.certificates.list() if each.not_before <= now < each.not_after]
    if not valid:
        raise BadInput(
            "the vault has no valid certificate",
            where="--certificate",
            fix="Upload one (certroll certificate upload).",
        )
    return valid


def _still_meant(
    wish: PlanRequest, candidates: Sequence[Candidate]
) -> tuple[list[Candidate], list[Refusal]]:
    """Of what was only now read, what the wish's filters do not leave out."""
    if not wish.by_what_is_served:
        return list(candidates), []
    filters = Filters(wish)
    meant: list[Candidate] = []
    refused: list[Refusal] = []
    for each in candidates:
        reason = filters.served(each.before)
        if reason is None:
            meant.append(each)
        elif each.match.named:
            refused.append(Refusal(subject=each.match.resource.id, rule="filter", reason=reason))
    return meant, refused
