"""Finds the plan that a task executes: a saved one, or one made now from the selection.

Called by `task create`, `task edit` and `task submit`.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import BadInput
from starter.cli.plan.saved import show_differences
from starter.cli.plan.selection import Selection, build_plan, build_plan_request
from starter.cli.terminal.output import say, show_json, show_progress

if TYPE_CHECKING:
    from domain.plans.diff import Difference
    from domain.plans.plan import Plan
    from domain.plans.request import PlanRequest
    from domain.plans.saved import SavedPlan
    from storage.store import Store


class ChosenPlan(NamedTuple):
    """A plan, its request, and the saved plan behind it.

    `is_remade`: it was made again from the request of the saved plan.
    """

    plan: "Plan"
    plan_request: "PlanRequest | None"
    saved: "SavedPlan | None" = None
    is_remade: bool = False

    @property
    def name(self) -> str | None:
        """The name of the saved plan."""
        return self.saved.name if self.saved else None

    @property
    def require_coverage(self) -> bool:
        """Whether a change that drops a served name is refused."""
        return self.plan_request is not None and self.plan_request.require_coverage


def check_choice(chosen: Selection, plan: str | None, *, remake: bool) -> None:
    """Raises BadInput unless exactly one of --plan and a selection is given."""
    if plan is not None and chosen.is_given:
        raise BadInput(
            "a saved plan and a selection exclude each other",
            where="--plan",
            fix="Give either --plan, or --certificate with its targets.",
            code="conflicting-options",
        )
    if plan is None and not chosen.is_given:
        raise BadInput(
            "neither a plan nor a certificate is given",
            fix="Give --plan ID (see certroll plan list), or --certificate with its targets.",
            code="nothing-selected",
        )
    if remake and plan is None:
        raise BadInput(
            "--remake needs --plan", where="--remake", fix="Give --plan ID.", code="missing-option"
        )


def choose_plan(
    store: "Store",
    chosen: Selection,
    which: str | None,
    *,
    remake: bool,
    begins: datetime,
    as_json: bool,
) -> ChosenPlan:
    """Returns the plan to execute. Shows the differences of an outdated one and raises BadInput."""
    if which is None:
        request = build_plan_request(store, chosen)
        return ChosenPlan(build_plan(store, request, quiet=as_json, fresh=chosen.fresh), request)
    saved = store.plans.find(which)
    plan = store.plans.get_plan(saved.id)
    if remake:
        return ChosenPlan(
            remake_plan(store, plan, saved.plan_request, as_json=as_json),
            saved.plan_request,
            saved,
            True,
        )
    found = list_current_differences(store, plan, saved.plan_request, begins, quiet=as_json)
    if found:
        refuse_outdated(
            found, f"plan {saved.id}", f"certroll plan diff {saved.id}", as_json=as_json
        )
    return ChosenPlan(plan, saved.plan_request, saved)


def list_current_differences(
    store: "Store", plan: "Plan", request: "PlanRequest | None", begins: datetime, *, quiet: bool
) -> "tuple[Difference, ...]":
    """Lists why exactly this plan can no longer be executed; empty if it can."""
    from starter.requests.plans import list_differences

    with show_progress("Reading what the resources serve", quiet=quiet):
        return list_differences(store, plan, request, begins=begins)


def refuse_outdated(
    found: "tuple[Difference, ...]", where: str, command: str, *, as_json: bool
) -> None:
    """Shows the differences and raises BadInput."""
    if as_json:
        show_json({"differences": found})
    else:
        show_differences(found)
    count = len({each.resource for each in found})
    raise BadInput(
        f"the plan is outdated: {count} of its resources differ now",
        where=where,
        fix=f"Make it again with --remake, or see the differences: {command}",
        code="plan-outdated",
    )


def remake_plan(
    store: "Store", plan: "Plan", request: "PlanRequest | None", *, as_json: bool
) -> "Plan":
    """Makes the plan again from its request, and shows the differences."""
    from domain.plans.diff import compare_plans
    from starter.requests.plans import remake

    with show_progress("Reading what the resources serve", quiet=as_json):
        fresh = remake(store, plan, request, now=datetime.now(UTC))
    if not as_json:
        show_differences(compare_plans(plan, fresh))
        say()
    return fresh
