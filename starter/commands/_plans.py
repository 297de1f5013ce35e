"""A plan as a person reads it before saying yes."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from starter.output import say, show_table, some

if TYPE_CHECKING:
    from domain.certificate import Certificate
    from domain.plan import Change, Plan
    from domain.resource import Binding


def facts(plan: "Plan", balance: int) -> dict[str, Any]:
    """The plan as JSON, with what follows from it."""
    return {
        **plan.model_dump(mode="json"),
        "matches": plan.matches,
        "cost": plan.cost,
        "balance": balance,
        "digest": plan.digest,
    }


def show_plan(plan: "Plan", certificates: Iterable["Certificate"], balance: int) -> None:
    """Changes, matches, refusals, what serves already, cost and digest."""
    show_table(
        ("RESOURCE", "SERVES", "WILL SERVE", "EXPIRES", "WILL EXPIRE", "WAY BACK", "COST"),
        [_row(change) for change in plan.changes],
        empty="Nothing would be changed.",
    )
    say()
    for certificate in certificates:
        count = plan.matches[certificate.fingerprint]
        say(f"{certificate.name} ({certificate.short}): {_counted(count)}")
    if plan.refusals:
        say()
        show_table(
            ("REFUSED", "RULE", "REASON"),
            [(each.subject, each.rule, each.reason) for each in plan.refusals],
        )
    say()
    if plan.unchanged:
        say(f"unchanged  {len(plan.unchanged)} serve it already: {some(plan.unchanged)}")
    for text in _warnings(plan.changes):
        say(f"warning    {text}")
    say(f"quota      {plan.cost} of {balance} left")
    say(f"digest     {plan.digest}")


def _row(change: "Change") -> tuple[str, ...]:
    return (
        change.resource.id,
        _short(change.before, "HTTPS off"),
        _short(change.after, "HTTPS off"),
        _day(change.before),
        _day(change.after),
        f"no: {change.not_reversible}" if change.not_reversible else "yes",
        str(change.cost),
    )


def _short(binding: "Binding | None", off: str) -> str:
    return off if binding is None else str(binding)


def _day(binding: "Binding | None") -> str:
    if binding is None:
        return ""
    return f"{binding.not_after:%Y-%m-%d}" if binding.not_after else "not told"


def _warnings(changes: Sequence["Change"]) -> list[str]:
    return [f"{change.resource.id}: {text}" for change in changes for text in change.warnings]


def _counted(count: int) -> str:
    return "1 change" if count == 1 else f"{count} changes"
