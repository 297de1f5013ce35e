"""Builds a plan from matches and the bindings that the caller has read. Pure.

Called by operations.planning.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.plans.conflicts import list_conflict_refusals
from domain.plans.matching import Match
from domain.plans.near_misses import NearMiss
from domain.plans.plan import Change, Plan, build_binding
from domain.plans.quota import get_cost
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.rules import (
    describe_lost_names,
    find_change_refusal,
    find_coverage_refusal,
    find_validity_refusal,
)
from domain.resources.connector import ChangeWarning, Traits
from domain.resources.resource import Binding, is_same_binding

NAMES_LOST = "names-lost"
NEVER = datetime.max.replace(tzinfo=UTC)


def sort_by_urgency(changes: Iterable[Change]) -> list[Change]:
    """Sorts by the day (UTC) on which the current certificate expires; unknown days come last.

    Within a day the services of all accounts alternate. Each has a rate budget of its own: a task
    that did one service after the other would wait for one budget and leave the others unused.
    """
    ordered = sorted(changes, key=lambda change: (_until(change), change.resource.id))
    counts: Counter[tuple[date, str, str]] = Counter()
    positions: list[tuple[date, int, int]] = []
    for position, change in enumerate(ordered):
        day = _until(change).date()
        group = day, change.resource.account, change.resource.service
        positions.append((day, counts[group], position))
        counts[group] += 1
    return [ordered[position] for _, _, position in sorted(positions)]


def _until(change: Change) -> datetime:
    until = change.before.not_after if change.before else None
    return NEVER if until is None else until.astimezone(UTC)


class ChangeCandidate(NamedTuple):
    """A match, the binding of its resource at `seen_at`, and what the connector says of it."""

    match: Match
    before: Binding | None
    store: str
    lock: str | None = None
    not_reversible: str | None = None
    unverifiable: str | None = None
    warnings: tuple[ChangeWarning, ...] = ()
    seen_at: datetime | None = None


def build_plan(
    certificates: Sequence[Certificate],
    candidates: Iterable[ChangeCandidate],
    traits: Mapping[str, Traits],
    refusals: Iterable[Refusal],
    at: datetime,
    *,
    require_coverage: bool = False,
    whole_vault: bool = False,
    near_misses: tuple[NearMiss, ...] = (),
    unchanged_before: Iterable[Change] = (),
) -> Plan:
    """The plan, the most urgent change first.

    `unchanged_before` are changes outside the plan that occupy slots of the same listeners. With
    `whole_vault` nobody named the certificates: then the plan lists only those that it uses, and
    none replaces a certificate that expires later.
    """
    possible: list[Change] = []
    unchanged: list[Change] = []
    refused = list(refusals)
    seen: dict[str, datetime] = {}
    bindings = {each.fingerprint: build_binding(each) for each in certificates}
    for candidate in sorted(candidates, key=lambda each: each.match.resource.id):
        change = _build_change(candidate, bindings)
        if is_same_binding(change.before, change.after):
            unchanged.append(change)
            continue
        refusal = _find_refusal(candidate, traits[change.resource.service], at)
        if require_coverage:
            refusal = refusal or find_coverage_refusal(change)
        if whole_vault and not candidate.match.named:
            refusal = refusal or _refuse_sooner_expiry(change)
        if refusal:
            refused.append(refusal)
        else:
            possible.append(change)
            if candidate.seen_at is not None:
                seen[change.resource.id] = candidate.seen_at
    rivals = list_conflict_refusals(possible, [*unchanged, *unchanged_before])
    refused_ids = {each.subject for each in rivals}
    changes = sort_by_urgency(c for c in possible if c.resource.id not in refused_ids)
    used = {each.after.fingerprint for each in (*changes, *unchanged) if each.after}
    return Plan(
        certificates=tuple(sorted(f for f in bindings if f in used or not whole_vault)),
        changes=tuple(changes),
        # An invalid certificate is refused by its own name, so equal refusals are merged.
        refusals=tuple(dict.fromkeys([*refused, *rivals])),
        unchanged=tuple(change.resource.id for change in unchanged),
        near_misses=near_misses,
        as_of=min((seen[c.resource.id] for c in changes if c.resource.id in seen), default=None),
    )


def check_not_empty(plan: Plan) -> None:
    """Raises BadInput for a plan without changes: whoever asked expected some."""
    if plan.changes:
        return
    code, reasons = "no-match", "no resource matches"
    if plan.refusals:
        code = "all-refused"
        reasons = "; ".join(f"{each.subject}: {each.reason}" for each in plan.refusals[:5])
    elif plan.unchanged:
        code = "already-served"
        reasons = f"{len(plan.unchanged)} resources already serve these certificates"
    raise BadInput(
        f"no resource would be changed ({reasons})",
        where="plan",
        code=code,
        fix="Check the certificates' names, and whether the inventory is up to date "
        "(certroll inventory sync).",
    )


def _build_change(candidate: ChangeCandidate, bindings: Mapping[str, Binding]) -> Change:
    certificate = candidate.match.certificate
    change = Change(
        resource=candidate.match.resource,
        before=candidate.before,
        after=bindings.get(certificate.fingerprint) or build_binding(certificate),
        store=candidate.store,
        lock=candidate.lock,
        cost=get_cost(certificate.source),
        not_reversible=candidate.not_reversible,
        unverifiable=candidate.unverifiable,
        warnings=candidate.warnings,
        why=candidate.match.why,
    )
    lost = describe_lost_names(change)
    if lost is None:
        return change
    warning = ChangeWarning(code=NAMES_LOST, text=lost)
    return change.model_copy(update={"warnings": (warning, *change.warnings)})


def _refuse_sooner_expiry(change: Change) -> Refusal | None:
    was = change.before.not_after if change.before else None
    will = change.after.not_after if change.after else None
    if was is None or will is None or was <= will:
        return None
    return Refusal(
        subject=change.resource.id,
        code=RefusalCode.EXPIRES_SOONER,
        reason=f"its certificate expires on {was:%Y-%m-%d}, the best one of the vault on "
        f"{will:%Y-%m-%d}: name it (--certificate) to deploy it nevertheless",
    )


def _find_refusal(candidate: ChangeCandidate, traits: Traits, at: datetime) -> Refusal | None:
    resource, certificate = candidate.match.resource, candidate.match.certificate
    refusal = find_validity_refusal(certificate, at) or find_change_refusal(
        traits, resource, candidate.before, certificate
    )
    if refusal is None and candidate.before is None and not candidate.match.named:
        has_none = "it has no certificate yet; name it (--resource) to switch HTTPS on"
        unknown = "whether it has one is not known; name it (--resource) to set this one"
        return Refusal(
            subject=resource.id,
            code=RefusalCode.FIRST_DEPLOYMENT,
            reason=unknown if candidate.unverifiable else has_none,
        )
    return refusal
