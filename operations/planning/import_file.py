"""Builds a plan from a plan file, without asking a cloud; starter/requests/plans.py calls it."""

from collections.abc import Iterator
from datetime import datetime

from domain.certificates.certificate import Certificate
from domain.plans.builder import ChangeCandidate, build_plan
from domain.plans.file import PlanFile, list_digest_faults, list_unknown_names
from domain.plans.matching import Match
from domain.plans.plan import Plan
from domain.plans.yaml_source import Fault, build_error_at
from domain.resources.inventory_item import InventoryItem
from operations.planning.bindings import build_candidate
from operations.planning.planner import load_traits
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store


def build_plan_from_file(
    store: Store, pool: ConnectorPool, file: PlanFile, text: str, where: str, *, now: datetime
) -> Plan:
    """The plan of this file; `text` is its content, `where` its name.

    Raises BadInput, with line and column, for each unknown name, each change that a rule refuses,
    and a digest that is not the plan's.
    """
    items = store.inventory.get_many(change.resource for change in file.changes)
    known = {each.fingerprint: each for each in store.certificates.list()}
    accounts = {each.name for each in store.accounts.list()}
    names = {each.fingerprint: each.name for each in known.values()}
    if faults := list_unknown_names(file, items, names, accounts):
        raise build_error_at(text, where, faults)
    plan = build_plan(
        [known[each.fingerprint] for each in file.certificates],
        _build_candidates(pool, file, items, known),
        load_traits(item.resource.service for item in items.values()),
        (),
        now,
        require_coverage=file.plan_request is not None and file.plan_request.require_coverage,
    )
    if faults := list(_find_faults(file, plan, names)) or list_digest_faults(file, plan.digest):
        raise build_error_at(text, where, faults)
    return plan


def _build_candidates(
    pool: ConnectorPool,
    file: PlanFile,
    items: dict[str, InventoryItem],
    known: dict[str, Certificate],
) -> Iterator[ChangeCandidate]:
    for change in file.changes:
        resource = items[change.resource].resource
        match = Match(resource=resource, certificate=known[change.after], named=True)
        connector = pool.get(resource.account, resource.service)
        yield build_candidate(connector, match, change.before)


def _find_faults(file: PlanFile, plan: Plan, names: dict[str, str]) -> Iterator[Fault]:
    """Each change of the file that the plan does not have, with its position."""
    reasons = {refusal.subject: refusal.reason for refusal in plan.refusals}
    planned = {change.resource.id for change in plan.changes}
    for number, change in enumerate(file.changes):
        if change.resource in planned:
            continue
        position = ("changes", number, "resource")
        if change.resource in plan.unchanged:
            yield Fault(position, "the resource already serves this certificate")
        else:
            # The subject of a refusal of an invalid certificate is its name.
            reason = reasons.get(change.resource) or reasons.get(names[change.after])
            yield Fault(position, reason or "a rule refuses it")
