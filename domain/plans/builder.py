"""From matches to a plan. Pure: the caller reads what the resources serve."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.plans.conflicts import check_together
from domain.plans.matching import Match
from domain.plans.near_misses import NearMiss
from domain.plans.plan import Change, Plan, build_binding
from domain.plans.quota import cost
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.rules import check_change, check_coverage, check_validity, coverage_warning
from domain.resources.connector import Traits
from domain.resources.resource import Binding, serves

NEVER = datetime.max.replace(tzinfo=UTC)


def by_urgency(changes: Iterable[Change]) -> list[Change]:
    """By the day (UTC) until which what is served lasts; what nobody knows comes last.

    Within a day the services of all accounts take turns. Each has a budget of calls of its own: a
    task that did one service after the other would wait for one budget and leave the others unused.
    """
    ordered = sorted(changes, key=lambda change: (_until(change), change.resource.id))
    turns: Counter[tuple[date, str, str]] = Counter()
    places: list[tuple[date, int, int]] = []
    for place, change in enumerate(ordered):
        day = _until(change).date()
        group = day, change.resource.account, change.resource.service
        places.append((day, turns[group], place))
        turns[group] += 1
    return [ordered[place] for _, _, place in sorted(places)]


def _until(change: Change) -> datetime:
    until = change.before.not_after if change.before else None
    return NEVER if until is None else until.astimezone(UTC)


class Candidate(NamedTuple):
    """A match with what its resource served at `seen_at`, and what a way back would need."""

    match: Match
    before: Binding | None
    store: str
    lock: str | None = None
    not_reversible: str | None = None
    unverifiable: str | None = None
    warnings: tuple[str, ...] = ()
    seen_at: datetime | None = None


def assemble(
    certificates: Sequence[Certificate],
    candidates: Iterable[Candidate],
    traits: Mapping[str, Traits],
    refusals: Iterable[Refusal],
    at: datetime,
    *,
    require_coverage: bool = False,
    of_the_vault: bool = False,
    near_misses: tuple[NearMiss, ...] = (),
    standing: Iterable[Change] = (),
) -> Plan:
    """The plan: what is served the shortest first, refusals, what serves already.

    `standing` is no part of it, but takes slots of the same listeners.

    `of_the_vault`: nobody named the certificates, so only those that are used belong to the plan,
    and none takes the place of one that lasts longer.
    """
    possible: list[Change] = []
    unchanged: list[Change] = []
    refused = list(refusals)
    seen: dict[str, datetime] = {}
    bindings = {each.fingerprint: build_binding(each) for each in certificates}
    for candidate in sorted(candidates, key=lambda each: each.match.resource.id):
        change = _change(candidate, bindings)
        if serves(change.before, change.after):
            unchanged.append(change)
            continue
        refusal = _refusal(candidate, traits[change.resource.service], at)
        if require_coverage:
            refusal = refusal or check_coverage(change)
        if of_the_vault and not candidate.match.named:
            refusal = refusal or _worse(change)
        if refusal:
            refused.append(refusal)
        else:
            possible.append(change)
            if candidate.seen_at is not None:
                seen[change.resource.id] = candidate.seen_at
    rivals = check_together(possible, [*unchanged, *standing])
    out = {each.subject for each in rivals}
    changes = by_urgency(c for c in possible if c.resource.id not in out)
    used = {each.after.fingerprint for each in (*changes, *unchanged) if each.after}
    return Plan(
        certificates=tuple(sorted(f for f in bindings if f in used or not of_the_vault)),
        changes=tuple(changes),
        # A certificate that is not valid is refused by its own name, and once.
        refusals=tuple(dict.fromkeys([*refused, *rivals])),
        unchanged=tuple(change.resource.id for change in unchanged),
        near_misses=near_misses,
        as_of=min((seen[c.resource.id] for c in changes if c.resource.id in seen), default=None),
    )


def refuse_empty(plan: Plan) -> None:
    """A task that would change nothing is an error: somebody expected it to."""
    if plan.changes:
        return
    reasons = "; ".join(f"{each.subject}: {each.reason}" for each in plan.refusals[:5])
    if not reasons and plan.unchanged:
        reasons = f"{len(plan.unchanged)} resources serve these certificates already"
    raise BadInput(
        f"no resource would be changed ({reasons or 'no resource matches'})",
        where="plan",
        fix="Check the certificates' names, and whether the inventory is up to date "
        "(certroll inventory sync).",
    )


def _change(candidate: Candidate, bindings: Mapping[str, Binding]) -> Change:
    certificate = candidate.match.certificate
    change = Change(
        resource=candidate.match.resource,
        before=candidate.before,
        after=bindings.get(certificate.fingerprint) or build_binding(certificate),
        store=candidate.store,
        lock=candidate.lock,
        cost=cost(certificate.source),
        not_reversible=candidate.not_reversible,
        unverifiable=candidate.unverifiable,
        warnings=candidate.warnings,
        why=candidate.match.why,
    )
    lost = coverage_warning(change)
    if lost is None:
        return change
    return change.model_copy(update={"warnings": (lost, *change.warnings)})


def _worse(change: Change) -> Refusal | None:
    was = change.before.not_after if change.before else None
    will = change.after.not_after if change.after else None
    if was is None or will is None or was <= will:
        return None
    return Refusal(
        subject=change.resource.id,
        code=RefusalCode.EXPIRES_SOONER,
        reason=f"it serves one until {was:%Y-%m-%d}, the best of the vault expires on "
        f"{will:%Y-%m-%d}: name it (--certificate) to deploy it all the same",
    )


def _refusal(candidate: Candidate, traits: Traits, at: datetime) -> Refusal | None:
    resource, certificate = candidate.match.resource, candidate.match.certificate
    refusal = check_validity(certificate, at) or check_change(
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
