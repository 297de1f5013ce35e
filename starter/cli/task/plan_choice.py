"""Which plan a task is to do: a saved one, or one made now of what was selected."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from domain.errors import BadInput
from starter.cli.plan.saved import show_differences
from starter.cli.plan.selection import Selection, planned, wished
from starter.cli.terminal.output import metering, say, show_json

if TYPE_CHECKING:
    from domain.plans.diff import Difference
    from domain.plans.plan import Plan
    from domain.plans.request import PlanRequest
    from domain.plans.saved import SavedPlan
    from storage.store import Store


class ChosenPlan(NamedTuple):
    """A plan, what it was made from, and the saved one that it is; `remade`: of that one's wish."""

    plan: "Plan"
    wish: "PlanRequest | None"
    saved: "SavedPlan | None" = None
    remade: bool = False

    @property
    def name(self) -> str | None:
        """That of the saved plan."""
        return self.saved.name if self.saved else None

    @property
    def require_coverage(self) -> bool:
        """Whether a change is refused that takes a name from clients."""
        return self.wish is not None and self.wish.require_coverage


def check_choice(chosen: Selection, plan: str | None, *, remake: bool) -> None:
    """BadInput unless there is one way to tell what is to be done."""
    if plan is not None and chosen.is_given:
        raise BadInput(
            "a saved plan says already what goes where",
            where="--plan",
            fix="Give either --plan, or --certificate and where it goes.",
        )
    if plan is None and not chosen.is_given:
        raise BadInput(
            "nothing says what shall be deployed",
            fix="Give --plan ID (certroll plan list), or --certificate and where it goes.",
        )
    if remake and plan is None:
        raise BadInput("only a saved plan is made anew", where="--remake", fix="Give --plan ID.")


def choose(
    store: "Store",
    chosen: Selection,
    which: str | None,
    *,
    remake: bool,
    begins: datetime,
    as_json: bool,
) -> ChosenPlan:
    """The plan to do. BadInput for a saved one that has moved, after showing how."""
    if which is None:
        wish = wished(store, chosen)
        return ChosenPlan(planned(store, wish, quiet=as_json, fresh=chosen.fresh), wish)
    saved = store.plans.find(which)
    plan = store.plans.plan(saved.id)
    if remake:
        return ChosenPlan(remade(store, plan, saved.wish, as_json=as_json), saved.wish, saved, True)
    found = differences_now(store, plan, saved.wish, begins, quiet=as_json)
    if found:
        refuse_moved(found, f"plan {saved.id}", f"certroll plan diff {saved.id}", as_json=as_json)
    return ChosenPlan(plan, saved.wish, saved)


def differences_now(
    store: "Store", plan: "Plan", wish: "PlanRequest | None", begins: datetime, *, quiet: bool
) -> "tuple[Difference, ...]":
    """Why exactly this plan cannot be done any more; empty if it can."""
    from starter.requests.plans import moved

    with metering("Reading what the resources serve", quiet=quiet):
        return moved(store, plan, wish, begins=begins)


def refuse_moved(found: "tuple[Difference, ...]", where: str, look: str, *, as_json: bool) -> None:
    """Shows what has moved, and raises BadInput."""
    if as_json:
        show_json({"moved": found})
    else:
        show_differences(found)
    count = len({each.resource for each in found})
    raise BadInput(
        f"what it was made of has moved: {count} of its resources differ now",
        where=where,
        fix=f"Make it anew from its wish with --remake, or look: {look}",
    )


def remade(store: "Store", plan: "Plan", wish: "PlanRequest | None", *, as_json: bool) -> "Plan":
    """The plan as its wish makes it now; shows what differs."""
    from domain.plans.diff import differences
    from starter.requests.plans import again

    with metering("Reading what the resources serve", quiet=as_json):
        fresh = again(store, plan, wish, now=datetime.now(UTC))
    if not as_json:
        show_differences(differences(plan, fresh))
        say()
    return fresh
