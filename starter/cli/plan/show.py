"""A plan as a person reads it before saying yes: what matters in lines, all of it in JSON."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import BadInput
from starter.cli.plan.waves import Waving, show_waves
from starter.cli.terminal.output import is_terminal, say, show_table, some

if TYPE_CHECKING:
    from datetime import datetime

    from domain.certificates.certificate import Certificate
    from domain.plans.estimate import Estimate
    from domain.plans.plan import Change, Plan, Total
    from domain.resources.resource import Binding, Resource
    from storage.store import Store

MOST_GROUPS = 5
"""Of what is only told, e.g. new names, on a terminal; warnings are told all."""

Told = Iterable[tuple[str, str]]


Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help="Why each resource gets its certificate, and what nearly matched."
    ),
]


def estimated(store: "Store", plan: "Plan") -> "Estimate | None":
    """How long it takes; None where an account of the plan is not there any more."""
    from operations.planning.planner import estimate_of
    from operations.runtime.connector_pool import Clouds

    try:
        return estimate_of(Clouds(store), plan)
    except BadInput:
        return None


def facts(
    plan: "Plan", balance: int, estimate: "Estimate | None" = None, waving: Waving | None = None
) -> dict[str, Any]:
    """The plan as JSON, with what follows from it, and the waves that a task of it has."""
    told = plan.model_dump(mode="json")
    for change, row in zip(plan.changes, told["changes"], strict=True):
        row["names_lost"] = change.names_lost
        row["names_gained"] = change.names_gained
        row["key_change"] = change.key_change
        row["issuer_change"] = change.issuer_change
        row["reversible"] = change.not_reversible is None
        row["verifiable"] = change.unproven is None
    return {
        **told,
        "matches": plan.matches,
        "totals_by_certificate": plan.totals_by_certificate,
        "totals_by_service": plan.totals_by_service,
        "cost": plan.cost,
        "balance": balance,
        "estimate": estimate,
        "digest": plan.digest,
        **(waving.facts if waving else {}),
    }


def show_plan(
    plan: "Plan",
    certificates: Iterable["Certificate"],
    balance: int,
    estimate: "Estimate | None" = None,
    *,
    explain: bool = False,
    waving: Waving | None = None,
) -> None:
    """Changes, totals, refusals, what serves already, what differs, waves, cost and digest."""
    _show_changes(plan.changes)
    say()
    totals = plan.totals_by_certificate
    for certificate in certificates:
        say(
            f"{certificate.name} ({certificate.short}): {_counted(totals[certificate.fingerprint])}"
        )
    for service, total in plan.totals_by_service.items():
        say(f"{service}: {_counted(total)}")
    if plan.refusals:
        say()
        show_table(
            ("REFUSED", "RULE", "REASON"),
            [(each.subject, each.rule, each.reason) for each in plan.refusals],
        )
    say()
    if plan.unchanged:
        say(f"unchanged  {len(plan.unchanged)} serve it already: {some(plan.unchanged)}")
    _show_differences(plan.changes)
    if explain:
        _explain(plan)
    _show_course(plan, estimate, waving)
    if plan.as_of is not None and plan.changes:
        say(f"as of      {_seen(plan.as_of)}")
    say(f"quota      {plan.cost} of {balance} left")
    say(f"digest     {plan.digest}")


def _seen(as_of: "datetime") -> str:
    """How old what is known is: the deployment itself relies on none of it."""
    from datetime import UTC, datetime

    from starter.cli.terminal.times import shown
    from starter.requests.freshness import age

    since = age(datetime.now(UTC) - as_of)
    return f"{shown(as_of)} ({since} ago); each resource is read again before it is changed"


def _show_course(plan: "Plan", estimate: "Estimate | None", waving: Waving | None) -> None:
    """In which waves it goes, and how long that takes."""
    if waving is not None:
        show_waves(waving)
    if estimate is not None and plan.changes:
        say(f"duration   {_duration(estimate)}{_waits(waving)}")


def _show_changes(changes: Sequence["Change"]) -> None:
    """One row each; the region and the slot only if they say something of one of them."""
    columns = {
        "RESOURCE": [change.resource.id for change in changes],
        "WHERE": [_where(change.resource) for change in changes],
        "SERVES": [_before(change) for change in changes],
        "WILL SERVE": [_serving(change.after) for change in changes],
        "BACK": ["no" if change.not_reversible else "yes" for change in changes],
        "COST": [str(change.cost) for change in changes],
    }
    if set(columns["WHERE"]) <= {"global"}:
        del columns["WHERE"]
    rows = list(zip(*columns.values(), strict=True))
    show_table(tuple(columns), rows, empty="Nothing would be changed.")


def _show_differences(changes: Sequence["Change"]) -> None:
    """What a person should know beside the table; the same words for many resources once."""
    replaced = [change for change in changes if change.before is not None]
    gained = [(some(c.names_gained), c.resource.id) for c in replaced if c.names_gained]
    _tell("new names", gained, most=MOST_GROUPS)
    _tell("key", [(" to ".join(c.key_change), c.resource.id) for c in changes if c.key_change])
    _tell(
        "issuer",
        [
            (" to ".join(map(repr, c.issuer_change)), c.resource.id)
            for c in changes
            if c.issuer_change
        ],
        most=MOST_GROUPS,
    )
    _tell("one way", [(c.not_reversible, c.resource.id) for c in changes if c.not_reversible])
    counted = "it will be unverified, and a success only with --accept-unverified"
    unproven = [(f"{c.unproven}: {counted}", c.resource.id) for c in changes if c.unproven]
    _tell("unproven", unproven)
    _tell("warning", [(text, c.resource.id) for c in changes for text in c.warnings])


def _explain(plan: "Plan") -> None:
    """Why each change has its certificate, and which resources were nearly matched."""
    _tell("chosen", [(_chosen(c), c.resource.id) for c in plan.changes if c.why])
    for near_miss in plan.near_misses:
        resources = "1 resource" if near_miss.resources == 1 else f"{near_miss.resources} resources"
        say(f"near miss  {near_miss} ({resources})")


def _chosen(change: "Change") -> str:
    return f"{change.after.name if change.after else 'none'}: {change.why}"


def _duration(estimate: "Estimate") -> str:
    from domain.plans.estimate import duration

    least, most = duration(estimate.seconds), duration(estimate.at_most)
    told = f"about {least} by the calls per second that the services allow"
    return told if least == most else f"{told}, {most} if each takes as long as it may"


def _waits(waving: Waving | None) -> str:
    """What the waits between its waves add."""
    from domain.rollout.text import spell

    waits = waving.rollout.bake_seconds * (len(waving.waves) - 1) if waving else 0
    return f"; and {spell(waits)} of waits between the waves" if waits > 0 else ""


def _tell(what: str, told: Told, most: int | None = None) -> None:
    groups: dict[str, list[str]] = {}
    for text, resource in told:
        groups.setdefault(text, []).append(resource)
    shown = list(groups.items())[: most if is_terminal() else None]
    for text, resources in shown:
        say(f"{what:<9}  {text}; for {some(resources)}")
    if len(shown) < len(groups):
        say(f"{what:<9}  and {len(groups) - len(shown)} more such lines: see --json")


def _where(resource: "Resource") -> str:
    """The region, and the slot of a listener that is not its default one."""
    return resource.region if resource.slot == "default" else f"{resource.region} {resource.slot}"


def _before(change: "Change") -> str:
    """What no service tells is not known, rather than none."""
    return "not known" if change.unproven and not change.before else _serving(change.before)


def _serving(binding: "Binding | None") -> str:
    """The certificate and its last day: so few columns fit a terminal of 80."""
    if binding is None:
        return "HTTPS off"
    day = f"{binding.not_after:%Y-%m-%d}" if binding.not_after else "(no date told)"
    return f"{binding} {day}"


def _counted(total: "Total") -> str:
    parts = ["1 change" if total.changes == 1 else f"{total.changes} changes"]
    parts += [f"quota {total.cost}"] if total.cost else []
    parts += [f"{total.not_reversible} without a way back"] if total.not_reversible else []
    parts += [f"{total.unproven} without proof"] if total.unproven else []
    return ", ".join(parts)
