"""Checks a plan again before it becomes a task: it may be old, or come from a file. Pure.

Called by starter.requests.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from domain.certificates.certificate import Certificate
from domain.errors import BadInput
from domain.plans.conflicts import list_conflict_refusals
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.plans.rules import (
    check_certificates,
    find_change_refusal,
    find_coverage_refusal,
    find_validity_refusal,
)
from domain.resources.connector import Traits

MAX_REPORTED = 5


def check_submission(
    plan: Plan,
    certificates: Sequence[Certificate],
    traits: Mapping[str, Traits],
    at: datetime,
    *,
    require_coverage: bool = False,
) -> None:
    """Raises BadInput if the plan breaks a rule; `at` is when the task will begin.

    `certificates` are the plan's as they are stored now, `traits` those of its services. The
    error has the code of the first refusal.
    """
    check_certificates(certificates)
    known = {certificate.fingerprint: certificate for certificate in certificates}
    used = [
        known[fingerprint]
        for fingerprint, count in plan.matches.items()
        if count and fingerprint in known
    ]
    found = [refusal for each in used if (refusal := find_validity_refusal(each, at))]
    for change in plan.changes:
        found += _refusals(change, known, traits[change.resource.service], require_coverage)
    found += list_conflict_refusals(plan.changes)
    if found:
        raise BadInput(
            "; ".join(f"{each.subject}: {each.reason}" for each in found[:MAX_REPORTED])
            + (f"; and {len(found) - MAX_REPORTED} more" if len(found) > MAX_REPORTED else ""),
            where="plan",
            code=found[0].code,
            fix="Create the plan again (certroll plan create): it explains every refusal.",
        )


def _refusals(
    change: Change,
    known: Mapping[str, Certificate],
    traits: Traits,
    require_coverage: bool,
) -> Iterator[Refusal]:
    certificate = known.get(change.after.fingerprint or "") if change.after else None
    if certificate is None:
        reason = "the plan assigns a certificate that is not one of its own"
        yield Refusal(subject=change.resource.id, code=RefusalCode.CERTIFICATE, reason=reason)
        return
    refusal = find_change_refusal(traits, change.resource, change.before, certificate)
    if require_coverage:
        refusal = refusal or find_coverage_refusal(change)
    if refusal:
        yield refusal
