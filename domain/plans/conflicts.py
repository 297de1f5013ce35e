"""Rules between changes of the same listener in one plan. Pure.

Called by the plan builder and by submission.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from domain.plans.plan import Change
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.rules import list_listener_refusals
from domain.resources.resource import Resource

SAE = "alibaba.sae"
BALANCERS = frozenset({"alibaba.alb", "alibaba.clb", "alibaba.nlb"})
NO_DUPLICATES = frozenset({"alibaba.alb", "alibaba.nlb"})
"""Services whose listeners refuse their default certificate as an additional one."""
ON_ALB = "alb"  # the kind of an SAE route on ALB

Listeners = Mapping[tuple[str, int], Sequence[Change]]


def list_conflict_refusals(
    changes: Sequence[Change], unchanged: Iterable[Change] = ()
) -> list[Refusal]:
    """Refuses changes that conflict with others of the plan, at most once each.

    `unchanged` resources already serve their certificate and occupy their slots too.
    """
    unchanged = list(unchanged)
    found = {
        each.subject: each
        for each in _refuse_managed_by_sae(_group_by_listener([*changes, *unchanged]))
    }
    left = [each for each in changes if each.resource.id not in found] + unchanged
    for refusal in (*list_listener_refusals(left), *_refuse_duplicates(_group_by_listener(left))):
        found.setdefault(refusal.subject, refusal)
    return [found[each.resource.id] for each in changes if each.resource.id in found]


def _group_by_listener(changes: Iterable[Change]) -> Listeners:
    """Listeners with several changes, by lock and port."""
    found: defaultdict[tuple[str, int], list[Change]] = defaultdict(list)
    for change in changes:
        resource = change.resource
        if change.lock and (resource.service in BALANCERS or resource.service == SAE):
            found[change.lock, resource.port].append(change)
    return {listener: these for listener, these in found.items() if len(these) > 1}


def _refuse_managed_by_sae(listeners: Listeners) -> Iterable[Refusal]:
    for changes in listeners.values():
        routes = [each.resource for each in changes if each.resource.service == SAE]
        for change in changes if routes else ():
            if change.resource.service != SAE:
                yield _build_refusal(
                    change.resource,
                    RefusalCode.MANAGED_BY_SAE,
                    f"SAE manages this listener and would undo the change: change it through SAE "
                    f"({routes[0].id})",
                )


def _refuse_duplicates(listeners: Listeners) -> Iterable[Refusal]:
    for changes in listeners.values():
        defaults = {
            each.after.fingerprint: each.resource.id
            for each in changes
            if each.after and each.resource.slot == "default"
        }
        for change in changes:
            resource, after = change.resource, change.after and change.after.fingerprint
            if _refuses_duplicates(resource) and resource.slot != "default" and after in defaults:
                yield _build_refusal(
                    resource,
                    RefusalCode.ONCE_PER_LISTENER,
                    f"the listener's default slot gets or has the same certificate "
                    f"({defaults[after]}), and a listener refuses the same one "
                    "twice: deploy another one here, or remove this additional certificate in the "
                    "console",
                )


def _refuses_duplicates(resource: Resource) -> bool:
    on_alb = resource.service == SAE and resource.detail.get("kind") == ON_ALB
    return on_alb or resource.service in NO_DUPLICATES


def _build_refusal(resource: Resource, code: RefusalCode, reason: str) -> Refusal:
    return Refusal(subject=resource.id, code=code, reason=reason)
