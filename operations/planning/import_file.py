"""From a plan's file to the plan: what it names, as it is known here. Asks no cloud."""

from collections.abc import Iterator
from datetime import datetime

from domain.certificates.certificate import Certificate
from domain.plans.builder import Candidate, assemble
from domain.plans.file import PlanFile, differs, unknown
from domain.plans.matching import Match
from domain.plans.plan import Plan
from domain.plans.yaml_source import Fault, refused
from domain.resources.inventory_item import InventoryItem
from operations.planning.bindings import candidate
from operations.planning.planner import traits_of
from operations.runtime.connector_pool import Clouds
from storage.store import Store


def plan_of(
    store: Store, clouds: Clouds, file: PlanFile, text: str, where: str, *, now: datetime
) -> Plan:
    """The plan of this file, `text` being all of it.

    BadInput with line and column for each name that is not known here, for each change that a rule
    refuses, and for a digest that is not the plan's.
    """
    items = store.inventory.some(change.resource for change in file.changes)
    known = {each.fingerprint: each for each in store.certificates.list()}
    accounts = {each.name for each in store.accounts.list()}
    names = {each.fingerprint: each.name for each in known.values()}
    if faults := unknown(file, items, names, accounts):
        raise refused(text, where, faults)
    plan = assemble(
        [known[each.fingerprint] for each in file.certificates],
        _candidates(clouds, file, items, known),
        traits_of(item.resource.service for item in items.values()),
        (),
        now,
        require_coverage=file.wish is not None and file.wish.require_coverage,
    )
    if faults := list(_broken(file, plan, names)) or differs(file, plan.digest):
        raise refused(text, where, faults)
    return plan


def _candidates(
    clouds: Clouds,
    file: PlanFile,
    items: dict[str, InventoryItem],
    known: dict[str, Certificate],
) -> Iterator[Candidate]:
    for change in file.changes:
        resource = items[change.resource].resource
        match = Match(resource=resource, certificate=known[change.after], named=True)
        connector = clouds.connector(resource.account, resource.service)
        yield candidate(connector, match, change.before)


def _broken(file: PlanFile, plan: Plan, names: dict[str, str]) -> Iterator[Fault]:
    """Each change of the file that is not one of the plan, at its place."""
    reasons = {refusal.subject: refusal.reason for refusal in plan.refusals}
    taken = {change.resource.id for change in plan.changes}
    for number, change in enumerate(file.changes):
        if change.resource in taken:
            continue
        place = ("changes", number, "resource")
        if change.resource in plan.unchanged:
            yield Fault(place, "this is what it serves before: nothing would be changed")
        else:
            # A certificate that is not valid is refused by its name.
            told = reasons.get(change.resource) or reasons.get(names[change.after])
            yield Fault(place, told or "a rule refuses it")
