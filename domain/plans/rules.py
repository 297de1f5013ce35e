"""The rules that a task must keep, each with a reason that a person understands."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from domain.certificates.certificate import Certificate, Source, check_name
from domain.certificates.coverage import list_names_not_included
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.plan import Change
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.connector import Scenario, Traits
from domain.resources.resource import Binding, Resource
from domain.resources.slots import PROVIDER, takes, why_not_taken

MOST_CONTACTS = 10

SM_SERVICES = frozenset({"alibaba.cdn", "alibaba.dcdn", "alibaba.ddos"})
"""Where this provider takes SM certificates."""

LISTENERS = frozenset({"alibaba.alb", "alibaba.clb", "alibaba.nlb", "alibaba.sae"})
"""What changes a load balancer's listener, directly or through a route on it."""

SAME_NAMES = frozenset(
    {"alibaba.alb", "alibaba.clb", "alibaba.nlb", "alibaba.ga_domain", "alibaba.ga_listener"}
)
"""Load balancers and accelerators: only a certificate for the same names replaces another."""

# Certificates that were shared lie among the uploaded ones, and each is counted by itself.
GROUPS = {
    Source.OFFICIAL: "official",
    Source.UPLOADED: "uploaded or shared",
    Source.SHARED: "uploaded or shared",
}


def check_contacts(contacts: Sequence[str]) -> None:
    """At most ten contacts, none twice."""
    if len(contacts) > MOST_CONTACTS:
        raise BadInput(
            f"{len(contacts)} contacts are named, a task tells at most {MOST_CONTACTS}",
            where="--contact",
            fix="Name fewer, or a mailing list as one contact.",
        )
    if len(set(contacts)) < len(contacts):
        raise BadInput("a contact is named twice", where="--contact", fix="Name each once.")


def check_certificates(certificates: Sequence[Certificate]) -> None:
    """Names that every store takes, and either official ones or uploaded and shared ones."""
    for certificate in certificates:
        check_name(certificate.name)
    groups = sorted({GROUPS[certificate.source] for certificate in certificates})
    if len(groups) > 1:
        raise BadInput(
            f"certificates of several sources in one task: {', '.join(groups)}",
            where="--certificate",
            code="several-sources",
            fix="Make one task for each source.",
        )


def check_validity(certificate: Certificate, at: datetime) -> Refusal | None:
    """A certificate must be valid when the plan is made, and when the task begins."""
    if certificate.not_before <= at < certificate.not_after:
        return None
    return Refusal(
        subject=certificate.name,
        code=RefusalCode.VALIDITY,
        reason=f"valid from {certificate.not_before:%Y-%m-%d} to "
        f"{certificate.not_after:%Y-%m-%d}, not on {at:%Y-%m-%d}",
    )


def check_change(
    traits: Traits, resource: Resource, before: Binding | None, certificate: Certificate
) -> Refusal | None:
    """Whether this service takes this certificate on this resource, and if not why."""
    for code, reason in (
        (RefusalCode.STATE, _state(resource)),
        (RefusalCode.SM, _sm(traits.service, certificate)),
        (RefusalCode.ALGORITHM, _algorithm(traits, certificate)),
        (RefusalCode.SLOT, _slot(resource, certificate)),
        (RefusalCode.SCENARIO, _scenario(traits, before)),
        (RefusalCode.SAME_NAMES, _same_names(resource, before, certificate)),
    ):
        if reason:
            return Refusal(subject=resource.id, code=code, reason=reason)
    return None


def check_coverage(change: Change) -> Refusal | None:
    """Whether clients can use every name that they could use before; for who insists on it."""
    reason = coverage_warning(change)
    if change.before is not None and not change.before.names:
        reason = "the service does not tell the names of the certificate that it serves"
    return (
        Refusal(subject=change.resource.id, code=RefusalCode.COVERAGE, reason=reason)
        if reason
        else None
    )


def coverage_warning(change: Change) -> str | None:
    """Names every name that clients could use before and not after."""
    lost = change.names_lost
    return f"names no longer covered: {', '.join(lost)}" if lost else None


def may_replace(resource: Resource, certificate: Certificate) -> bool:
    """Whether the certificate may go where no names are told but those of the former certificate.

    That is the default slot of a load balancer's or an accelerator's listener: it takes whatever
    includes the former names, even if it does not cover them.
    """
    default = resource.service in SAME_NAMES and resource.slot == "default"
    fits = default and takes(resource, certificate.algorithm) and bool(resource.domains)
    return fits and not list_names_not_included(certificate.names, resource.domains)


def check_listeners(changes: Iterable[Change]) -> list[Refusal]:
    """One certificate for the default slot of a listener: who asks for another one, and why not.

    A listener may be reached as itself and through a route on it: both have the same lock. Its
    additional certificates, one for each name (SNI), are resources of their own.
    """
    slots: dict[tuple[str, int], list[Change]] = {}
    for change in changes:
        place = change.resource
        if place.service in LISTENERS and place.slot == "default" and change.lock:
            slots.setdefault((change.lock, place.port), []).append(change)
    return [refusal for rivals in slots.values() if _several(rivals) for refusal in _rivals(rivals)]


def _several(changes: Sequence[Change]) -> bool:
    return len({change.after.fingerprint for change in changes if change.after}) > 1


def _rivals(changes: Sequence[Change]) -> list[Refusal]:
    told = "; ".join(f"{each.resource.id}: {each.after}" for each in changes)
    reason = f"several certificates for the default slot of one listener ({told}): choose one"
    return [
        Refusal(subject=each.resource.id, code=RefusalCode.ONE_PER_LISTENER, reason=reason)
        for each in changes
    ]


def _state(resource: Resource) -> str | None:
    return None if resource.state == "online" else f"the resource is {resource.state}"


def _sm(service: str, certificate: Certificate) -> str | None:
    elsewhere = service.startswith(PROVIDER) and service not in SM_SERVICES
    if certificate.algorithm is not Algorithm.SM2 or not elsewhere:
        return None
    return f"SM certificates go to {', '.join(sorted(SM_SERVICES))} only"


def _algorithm(traits: Traits, certificate: Certificate) -> str | None:
    if certificate.algorithm in traits.algorithms:
        return None
    if certificate.algorithm is Algorithm.SM2 and traits.no_sm2:
        return traits.no_sm2
    taken = ", ".join(sorted(algorithm.value for algorithm in traits.algorithms))
    return f"{traits.service} takes {taken}, {certificate.name} is {certificate.algorithm.value}"


def _slot(resource: Resource, certificate: Certificate) -> str | None:
    return None if takes(resource, certificate.algorithm) else why_not_taken(resource)


def _scenario(traits: Traits, before: Binding | None) -> str | None:
    if (Scenario.FIRST if before is None else Scenario.UPDATE) in traits.scenarios:
        return None
    if before is None:
        return "it has no certificate yet, and the first one has to be set in the service's console"
    return "the service does not take another certificate"


def _same_names(resource: Resource, before: Binding | None, certificate: Certificate) -> str | None:
    if resource.service not in SAME_NAMES or before is None:
        return None
    missing = list_names_not_included(certificate.names, before.names or resource.domains)
    if not missing:
        return None
    return (
        f"load balancers and accelerators take a new certificate only for the names of the former "
        f"one; no name of {certificate.name} is the same as or includes {', '.join(missing)}"
    )
