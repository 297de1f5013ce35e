"""Rules between changes of one plan that are of the same listener. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from domain.plans.plan import Change
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.rules import check_listeners
from domain.resources.resource import Resource

SAE = "alibaba.sae"
BALANCERS = frozenset({"alibaba.alb", "alibaba.clb", "alibaba.nlb"})
TAKE_NONE_TWICE = frozenset({"alibaba.alb", "alibaba.nlb"})
"""Whose listeners refuse an additional certificate that is their default one already."""
ON_ALB = "alb"  # what a route of SAE tells as its kind

Listeners = Mapping[tuple[str, int], Sequence[Change]]


def check_together(changes: Sequence[Change], standing: Iterable[Change] = ()) -> list[Refusal]:
    """Which of these changes cannot be made beside the others, one refusal for each.

    `standing` are resources that serve already what they should: a claim to their slot as well.
    """
    unchanged = list(standing)
    found = {each.subject: each for each in _managed(_listeners([*changes, *unchanged]))}
    left = [each for each in changes if each.resource.id not in found] + unchanged
    for refusal in (*check_listeners(left), *_twice(_listeners(left))):
        found.setdefault(refusal.subject, refusal)
    return [found[each.resource.id] for each in changes if each.resource.id in found]


def _listeners(changes: Iterable[Change]) -> Listeners:
    """Several changes of one listener, by its lock and port."""
    found: defaultdict[tuple[str, int], list[Change]] = defaultdict(list)
    for change in changes:
        place = change.resource
        if change.lock and (place.service in BALANCERS or place.service == SAE):
            found[change.lock, place.port].append(change)
    return {listener: these for listener, these in found.items() if len(these) > 1}


def _managed(listeners: Listeners) -> Iterable[Refusal]:
    for changes in listeners.values():
        routes = [each.resource for each in changes if each.resource.service == SAE]
        for change in changes if routes else ():
            if change.resource.service != SAE:
                yield _refusal(
                    change.resource,
                    RefusalCode.MANAGED_BY_SAE,
                    f"SAE manages this listener and would undo the change: change it through SAE "
                    f"({routes[0].id})",
                )


def _twice(listeners: Listeners) -> Iterable[Refusal]:
    for changes in listeners.values():
        wanted = {
            each.after.fingerprint: each.resource.id
            for each in changes
            if each.after and each.resource.slot == "default"
        }
        for change in changes:
            place, after = change.resource, change.after and change.after.fingerprint
            if _takes_none_twice(place) and place.slot != "default" and after in wanted:
                yield _refusal(
                    place,
                    RefusalCode.ONCE_PER_LISTENER,
                    f"the listener's default slot gets or has the same certificate "
                    f"({wanted[after]}), and a listener takes none twice: deploy another one "
                    "here, or remove this additional certificate in the console",
                )


def _takes_none_twice(place: Resource) -> bool:
    on_alb = place.service == SAE and place.detail.get("kind") == ON_ALB
    return on_alb or place.service in TAKE_NONE_TWICE


def _refusal(resource: Resource, code: RefusalCode, reason: str) -> Refusal:
    return Refusal(subject=resource.id, code=code, reason=reason)
