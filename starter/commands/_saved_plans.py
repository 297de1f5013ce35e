"""Saved plans as a person reads them, and what differs between two of them."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starter.output import say, show_table

if TYPE_CHECKING:
    from domain.certificate import Certificate
    from domain.plan import Plan
    from domain.plan_diff import Difference
    from domain.record import SavedPlan
    from storage.store import Store


def show_saved(found: Sequence["SavedPlan"]) -> None:
    """One line for each plan."""
    from starter.times import shown

    rows = [
        (
            each.id,
            each.name,
            str(each.changes),
            each.origin,
            shown(each.created_at),
            each.created_by,
            each.digest[:12],
        )
        for each in found
    ]
    columns = ("ID", "NAME", "CHANGES", "ORIGIN", "CREATED", "BY", "DIGEST")
    show_table(columns, rows, empty="No plans yet: certroll plan create")


def show_differences(found: Sequence["Difference"]) -> None:
    """One line for each, and how many there are of each kind."""
    rows = [
        (each.resource, _words(each.what), each.was or "", each.now or "", each.reason or "")
        for each in found
    ]
    columns = ("RESOURCE", "DIFFERS", "WAS", "NOW", "REASON")
    show_table(columns, rows, empty="Nothing differs.")
    if found:
        counts = Counter(_words(each.what) for each in found)
        say(", ".join(f"{count} {what}" for what, count in counts.items()))


def certificates_of(store: "Store", plan: "Plan") -> list["Certificate"]:
    """Those of the plan that are still stored."""
    from activities.replanning import certificates

    return list(certificates(store, plan.certificates).values())


def _words(what: str) -> str:
    return {"before": "serves another", "after": "gets another"}.get(what, what)
