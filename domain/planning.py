"""From what was asked for to a plan. Pure: the caller reads what the resources serve."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from domain.certificate import Certificate
from domain.connector import Traits
from domain.errors import BadInput
from domain.model import Value
from domain.names import NameIndex, why_not
from domain.plan import Change, Plan, Refusal, wanted
from domain.quota import cost
from domain.record import InventoryItem
from domain.resource import Binding, Resource, serves
from domain.rules import (
    check_certificates,
    check_change,
    check_coverage,
    check_listeners,
    check_validity,
    coverage_warning,
    may_replace,
)


class Wish(Value):
    """What someone asks for: certificates by fingerprint, and where they shall go.

    `resources` names resource ids or keys; `services` and `all_matched` take every resource that
    has a certificate already and whose names one of the certificates covers. `require_coverage`
    refuses each change after which clients could use fewer names than before.
    """

    certificates: tuple[str, ...]
    accounts: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    all_matched: bool = False
    require_coverage: bool = False


class Match(Value):
    """A resource, the certificate chosen for it, and whether it was named by the person."""

    resource: Resource
    certificate: Certificate
    named: bool


class Candidate(Value):
    """A match with what its resource serves now and what a way back would need."""

    match: Match
    before: Binding | None
    store: str
    lock: str | None = None
    not_reversible: str | None = None
    warnings: tuple[str, ...] = ()


def match(
    wish: Wish, certificates: Sequence[Certificate], items: Iterable[InventoryItem]
) -> tuple[list[Match], list[Refusal]]:
    """Which resource gets which certificate: the most specific one, then the latest to expire."""
    if not (wish.resources or wish.services or wish.all_matched):
        raise BadInput(
            "nothing says where the certificates shall go",
            fix="Name resources, a service, or ask for all that match (--all-matched).",
        )
    check_certificates(certificates)
    index = NameIndex(certificates)
    matches: list[Match] = []
    refusals: list[Refusal] = []
    for item in _chosen(wish, items):
        named = _is_named(wish, item.resource)
        best = index.best(item.resource.domains)
        if best is None and named:
            best = _replacement(item.resource, certificates)
        if best is not None:
            matches.append(Match(resource=item.resource, certificate=best, named=named))
        elif named:
            refusals.append(_not_covered(item.resource, certificates))
    return matches, refusals


def assemble(
    certificates: Sequence[Certificate],
    candidates: Iterable[Candidate],
    traits: Mapping[str, Traits],
    refusals: Iterable[Refusal],
    at: datetime,
    *,
    require_coverage: bool = False,
) -> Plan:
    """The plan: changes in the order of their resources' ids, refusals, what serves already."""
    possible: list[Change] = []
    unchanged: list[Change] = []
    refused = list(refusals)
    for candidate in sorted(candidates, key=lambda each: each.match.resource.id):
        change = _change(candidate)
        refusal = _refusal(candidate, traits[change.resource.service], at)
        if require_coverage:
            refusal = refusal or check_coverage(change)
        if serves(change.before, change.after):
            unchanged.append(change)
        elif refusal:
            refused.append(refusal)
        else:
            possible.append(change)
    # What a listener's default slot serves already is a claim to it as well.
    rivals = {each.subject: each for each in check_listeners([*possible, *unchanged])}
    changes = [change for change in possible if change.resource.id not in rivals]
    refused += [rivals[each.resource.id] for each in possible if each.resource.id in rivals]
    return Plan(
        certificates=tuple(sorted(certificate.fingerprint for certificate in certificates)),
        changes=tuple(changes),
        refusals=tuple(refused),
        unchanged=tuple(change.resource.id for change in unchanged),
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


def _chosen(wish: Wish, items: Iterable[InventoryItem]) -> list[InventoryItem]:
    here = [i for i in items if not wish.accounts or i.resource.account in wish.accounts]
    unknown = [n for n in wish.resources if not any(n in _called(i.resource) for i in here)]
    if unknown:
        raise BadInput(
            f"not in the inventory: {', '.join(unknown)}",
            where="--resource",
            fix="Sync the inventory (certroll inventory sync) or check the name.",
        )
    return [item for item in here if _is_chosen(wish, item)]


def _is_chosen(wish: Wish, item: InventoryItem) -> bool:
    if _is_named(wish, item.resource):
        return True
    if item.vanished_at is not None:
        return False
    return wish.all_matched or item.resource.service in wish.services


def _is_named(wish: Wish, resource: Resource) -> bool:
    return any(name in _called(resource) for name in wish.resources)


def _called(resource: Resource) -> tuple[str, str]:
    return resource.id, resource.key


def _replacement(resource: Resource, certificates: Sequence[Certificate]) -> Certificate | None:
    fit = [certificate for certificate in certificates if may_replace(resource, certificate)]
    return max(fit, key=lambda each: (each.not_after, each.fingerprint), default=None)


def _not_covered(resource: Resource, certificates: Sequence[Certificate]) -> Refusal:
    names = [name for certificate in certificates for name in certificate.names]
    reasons = "; ".join(why_not(names, domain) for domain in resource.domains)
    return Refusal(subject=resource.id, rule="names", reason=reasons or "it has no names")


def _change(candidate: Candidate) -> Change:
    certificate = candidate.match.certificate
    change = Change(
        resource=candidate.match.resource,
        before=candidate.before,
        after=wanted(certificate),
        store=candidate.store,
        lock=candidate.lock,
        cost=cost(certificate.source),
        not_reversible=candidate.not_reversible,
        warnings=candidate.warnings,
    )
    lost = coverage_warning(change)
    if lost is None:
        return change
    return change.model_copy(update={"warnings": (lost, *change.warnings)})


def _refusal(candidate: Candidate, traits: Traits, at: datetime) -> Refusal | None:
    resource, certificate = candidate.match.resource, candidate.match.certificate
    refusal = check_validity(certificate, at) or check_change(
        traits, resource, candidate.before, certificate
    )
    if refusal is None and candidate.before is None and not candidate.match.named:
        return Refusal(
            subject=resource.id,
            rule="first deployment",
            reason="it has no certificate yet; name it (--resource) to switch HTTPS on",
        )
    return refusal
