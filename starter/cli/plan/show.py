"""Prints plans and converts them to JSON. Called by the plan and task commands."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from domain.errors import BadInput
from starter.cli.plan.waves import WavePreview, show_waves
from starter.cli.terminal.output import is_terminal, join_names, say, show_table

if TYPE_CHECKING:
    from datetime import datetime

    from domain.certificates.certificate import Certificate
    from domain.plans.estimate import Estimate
    from domain.plans.plan import Change, Plan, Total
    from domain.resources.resource import Binding, Resource
    from storage.store import Store

MAX_GROUPS = 5
"""How many lines a terminal shows of notices such as new names. Warnings are always shown."""

Lines = Iterable[tuple[str, str]]


Explain = Annotated[
    bool,
    typer.Option(
        "--explain", help="Also show why each resource gets its certificate, and near misses."
    ),
]


def estimate_duration(store: "Store", plan: "Plan") -> "Estimate | None":
    """Estimates the duration; None if an account of the plan no longer exists."""
    from operations.planning.planner import estimate_plan
    from operations.runtime.connector_pool import ConnectorPool

    try:
        return estimate_plan(ConnectorPool(store), plan)
    except BadInput:
        return None


def plan_to_json(
    plan: "Plan",
    balance: int,
    estimate: "Estimate | None" = None,
    waving: WavePreview | None = None,
) -> dict[str, Any]:
    """Converts a plan to JSON, with totals, estimate and waves."""
    fields = plan.model_dump(mode="json")
    for change, row in zip(plan.changes, fields["changes"], strict=True):
        row["names_lost"] = change.names_lost
        row["names_gained"] = change.names_gained
        row["key_change"] = change.key_change
        row["issuer_change"] = change.issuer_change
        row["reversible"] = change.not_reversible is None
        row["verifiable"] = change.unverifiable is None
    return {
        **fields,
        "matches": plan.matches,
        "totals_by_certificate": plan.totals_by_certificate,
        "totals_by_service": plan.totals_by_service,
        "cost": plan.cost,
        "balance": balance,
        "estimate": estimate,
        "digest": plan.digest,
        **(waving.json_fields if waving else {}),
    }


def show_plan(
    plan: "Plan",
    certificates: Iterable["Certificate"],
    balance: int,
    estimate: "Estimate | None" = None,
    *,
    explain: bool = False,
    waving: WavePreview | None = None,
) -> None:
    """Prints changes, totals, refusals, unchanged resources, notices, waves, cost and digest."""
    _show_changes(plan.changes)
    say()
    totals = plan.totals_by_certificate
    for certificate in certificates:
        say(
            f"{certificate.name} ({certificate.short_fingerprint}): "
            f"{_format_total(totals[certificate.fingerprint])}"
        )
    for service, total in plan.totals_by_service.items():
        say(f"{service}: {_format_total(total)}")
    if plan.refusals:
        say()
        show_table(
            ("REFUSED", "CODE", "REASON"),
            [(each.subject, each.code, each.reason) for each in plan.refusals],
        )
    say()
    if plan.unchanged:
        say(f"unchanged  {len(plan.unchanged)} already serve it: {join_names(plan.unchanged)}")
    _show_differences(plan.changes)
    if explain:
        _explain(plan)
    _show_waves_and_duration(plan, estimate, waving)
    if plan.as_of is not None and plan.changes:
        say(f"as of      {_format_as_of(plan.as_of)}")
    say(f"quota      {plan.cost} of {balance} left")
    say(f"digest     {plan.digest}")


def _format_as_of(as_of: "datetime") -> str:
    """Formats the age of the inventory data. The deployment reads each resource again."""
    from datetime import UTC, datetime

    from starter.cli.terminal.times import format_minute
    from starter.requests.freshness import format_age

    since = format_age(datetime.now(UTC) - as_of)
    return f"{format_minute(as_of)} ({since} ago); each resource is read again before it is changed"


def _show_waves_and_duration(
    plan: "Plan", estimate: "Estimate | None", waving: WavePreview | None
) -> None:
    """Prints the waves and the estimated duration."""
    if waving is not None:
        show_waves(waving)
    if estimate is not None and plan.changes:
        say(f"duration   {_format_duration(estimate)}{_format_waits(waving)}")


def _show_changes(changes: Sequence["Change"]) -> None:
    """Prints one row for each change; region and slot only if one of them is not the default."""
    columns = {
        "RESOURCE": [change.resource.id for change in changes],
        "REGION": [_format_region(change.resource) for change in changes],
        "SERVES": [_format_before(change) for change in changes],
        "WILL SERVE": [_format_binding(change.after) for change in changes],
        "REVERSIBLE": ["no" if change.not_reversible else "yes" for change in changes],
        "COST": [str(change.cost) for change in changes],
    }
    if set(columns["REGION"]) <= {"global"}:
        del columns["REGION"]
    rows = list(zip(*columns.values(), strict=True))
    show_table(tuple(columns), rows, empty="Nothing would change.")


def _show_differences(changes: Sequence["Change"]) -> None:
    """Prints notices and warnings; the same text for many resources only once."""
    replaced = [change for change in changes if change.before is not None]
    gained = [(join_names(c.names_gained), c.resource.id) for c in replaced if c.names_gained]
    _say_grouped("new names", gained, most=MAX_GROUPS)
    _say_grouped(
        "key", [(" to ".join(c.key_change), c.resource.id) for c in changes if c.key_change]
    )
    _say_grouped(
        "issuer",
        [
            (" to ".join(map(repr, c.issuer_change)), c.resource.id)
            for c in changes
            if c.issuer_change
        ],
        most=MAX_GROUPS,
    )
    _say_grouped(
        "no undo", [(c.not_reversible, c.resource.id) for c in changes if c.not_reversible]
    )
    counted = "the outcome will be unverified, a success only with --accept-unverified"
    unverifiable = [
        (f"{c.unverifiable}: {counted}", c.resource.id) for c in changes if c.unverifiable
    ]
    _say_grouped("unverifiable", unverifiable)
    _say_grouped("warning", [(each.text, c.resource.id) for c in changes for each in c.warnings])


def _explain(plan: "Plan") -> None:
    """Prints why each change has its certificate, and the near misses."""
    _say_grouped("chosen", [(_format_choice(c), c.resource.id) for c in plan.changes if c.why])
    for near_miss in plan.near_misses:
        resources = "1 resource" if near_miss.resources == 1 else f"{near_miss.resources} resources"
        say(f"near miss  {near_miss} ({resources})")


def _format_choice(change: "Change") -> str:
    return f"{change.after.name if change.after else 'none'}: {change.why}"


def _format_duration(estimate: "Estimate") -> str:
    from domain.plans.estimate import format_duration

    least, most = format_duration(estimate.seconds), format_duration(estimate.at_most)
    text = f"about {least} at the rate limits of the services"
    return text if least == most else f"{text}, at most {most} with slow propagation"


def _format_waits(waving: WavePreview | None) -> str:
    """Formats the bake times, which add to the duration."""
    from domain.rollout.summary import format_duration

    waits = waving.rollout.bake_seconds * (len(waving.waves) - 1) if waving else 0
    return f"; plus {format_duration(waits)} of bake time between the waves" if waits > 0 else ""


def _say_grouped(what: str, lines: Lines, most: int | None = None) -> None:
    groups: dict[str, list[str]] = {}
    for text, resource in lines:
        groups.setdefault(text, []).append(resource)
    shown = list(groups.items())[: most if is_terminal() else None]
    for text, resources in shown:
        say(f"{what:<9}  {text}; for {join_names(resources)}")
    if len(shown) < len(groups):
        say(f"{what:<9}  and {len(groups) - len(shown)} more: see --json")


def _format_region(resource: "Resource") -> str:
    """Formats the region, and the slot of a listener if it is not the default one."""
    return resource.region if resource.slot == "default" else f"{resource.region} {resource.slot}"


def _format_before(change: "Change") -> str:
    """Formats the binding before; "not known" where no service reports it."""
    return (
        "not known" if change.unverifiable and not change.before else _format_binding(change.before)
    )


def _format_binding(binding: "Binding | None") -> str:
    """Formats certificate and last day in one column, so that the table fits 80 columns."""
    if binding is None:
        return "HTTPS off"
    day = f"{binding.not_after:%Y-%m-%d}" if binding.not_after else "(expiry not known)"
    return f"{binding} {day}"


def _format_total(total: "Total") -> str:
    parts = ["1 change" if total.changes == 1 else f"{total.changes} changes"]
    parts += [f"quota {total.cost}"] if total.cost else []
    parts += [f"{total.not_reversible} not reversible"] if total.not_reversible else []
    parts += [f"{total.unverifiable} not verifiable"] if total.unverifiable else []
    return ", ".join(parts)
