"""Saved plans, from the asking side: kept, compared with what is now, taken from files."""

import secrets
from datetime import UTC, datetime

from domain.plans.diff import Difference, differences
from domain.plans.file import PlanFile
from domain.plans.plan import Plan
from domain.plans.request import PlanRequest
from domain.plans.saved import Origin, SavedPlan
from operations.planning.import_file import plan_of
from operations.planning.planner import make_plan
from operations.planning.replan import as_now, certificates
from operations.runtime.connector_pool import Clouds
from storage.store import Store

LONGEST_NAME = 80


def save(
    store: Store, plan: Plan, wish: PlanRequest | None, *, name: str, origin: Origin, by: str
) -> SavedPlan:
    """Keeps a plan under a new id; `wish` is what it was made from, where that is known."""
    now = datetime.now(UTC)
    record = SavedPlan(
        id=f"p{now:%Y%m%d}-{secrets.token_hex(3)}",
        name=name[:LONGEST_NAME],
        digest=plan.digest,
        origin=origin,
        wish=wish,
        created_at=now,
        created_by=by,
        changes=len(plan.changes),
    )
    store.plans.add(record, plan)
    return record


def again(store: Store, plan: Plan, wish: PlanRequest | None, *, now: datetime) -> Plan:
    """The plan as its wish would make it now; without a wish, for its own resources.

    A certificate that was deleted since is left out, so that the rest can be compared.
    """
    clouds = Clouds(store)
    # What its own resources serve is read first, and then known to the plan that is made.
    own = as_now(store, clouds, plan, now=now, begins=now)
    left = tuple(certificates(store, wish.certificates)) if wish else ()
    if wish is None or (wish.certificates and not left):
        return own
    return make_plan(store, clouds, wish.model_copy(update={"certificates": left}), now=now)


def moved(
    store: Store, plan: Plan, wish: PlanRequest | None, *, begins: datetime
) -> tuple[Difference, ...]:
    """Why exactly this plan cannot be done any more; empty if it can.

    What its resources serve is read again. What merely came up since does not count: that is no
    part of the plan.
    """
    now = datetime.now(UTC)
    fresh = as_now(
        store,
        Clouds(store),
        plan,
        now=now,
        begins=max(begins, now),
        require_coverage=wish is not None and wish.require_coverage,
    )
    return differences(plan, fresh)


def take(store: Store, file: PlanFile, text: str, where: str, *, by: str) -> SavedPlan:
    """Keeps the plan of a file, `text` being all of it; BadInput with the place of each fault."""
    plan = plan_of(store, Clouds(store), file, text, where, now=datetime.now(UTC))
    return save(store, plan, file.wish, name=file.name, origin="imported", by=by)
