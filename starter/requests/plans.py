"""Saves, remakes, compares and imports plans. Called by the CLI and by renewals.py."""

import secrets
from datetime import UTC, datetime

from domain.plans.diff import Difference, compare_plans
from domain.plans.file import PlanFile
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.plans.saved import Origin, SavedPlan
from operations.planning.import_file import build_plan_from_file
from operations.planning.planner import make_plan
from operations.planning.replan import find_certificates, replan
from operations.runtime.connector_pool import ConnectorPool
from storage.store import Store

MAX_NAME_LENGTH = 80


def save(
    store: Store,
    plan: Plan,
    plan_request: PlanRequest | None,
    *,
    name: str,
    origin: Origin,
    by: str,
) -> SavedPlan:
    """Saves a plan under a new id, with the request that it was made from, if known."""
    now = datetime.now(UTC)
    record = SavedPlan(
        id=f"p{now:%Y%m%d}-{secrets.token_hex(3)}",
        name=name[:MAX_NAME_LENGTH],
        digest=plan.digest,
        origin=origin,
        plan_request=plan_request,
        created_at=now,
        created_by=by,
        changes=len(plan.changes),
    )
    store.plans.add(record, plan)
    return record


def remake(store: Store, plan: Plan, plan_request: PlanRequest | None, *, now: datetime) -> Plan:
    """The plan that the request makes now; without a request, for the plan's own resources.

    Certificates that were deleted since are left out, so that the rest can be compared.
    """
    connectors = ConnectorPool(store)
    # Reading what its own resources serve updates the inventory for the new plan.
    own = replan(store, connectors, plan, now=now, start=now)
    remaining = tuple(find_certificates(store, plan_request.certificates)) if plan_request else ()
    if plan_request is None or (plan_request.certificates and not remaining):
        return own
    return make_plan(
        store, connectors, plan_request.model_copy(update={"certificates": remaining}), now=now
    )


def list_differences(
    store: Store, plan: Plan, plan_request: PlanRequest | None, *, begins: datetime
) -> tuple[Difference, ...]:
    """Why exactly this plan cannot be deployed any more; empty if it can.

    The bindings of its resources are read again. Resources that were added since do not count: they
    are not part of the plan.
    """
    now = datetime.now(UTC)
    fresh = replan(
        store,
        ConnectorPool(store),
        plan,
        now=now,
        start=max(begins, now),
        require_coverage=plan_request is not None and plan_request.require_coverage,
    )
    return compare_plans(plan, fresh)


def import_plan(store: Store, file: PlanFile, text: str, where: str, *, by: str) -> SavedPlan:
    """Saves the plan of a file with this text; BadInput names the line of each mistake."""
    plan = build_plan_from_file(
        store, ConnectorPool(store), file, text, where, now=datetime.now(UTC)
    )
    return save(store, plan, file.plan_request, name=file.name, origin="imported", by=by)
