"""The rules of a task and of each change; a broken rule gives a refusal with a reason.

Called by the plan builder, by submission and by whoever creates a task.
"""

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
from domain.resources.slots import PROVIDER, explain_not_taken, may_take

MAX_CONTACTS = 10

SM_SERVICES = frozenset({"alibaba.cdn", "alibaba.dcdn", "alibaba.ddos"})
"""The services of this provider that take SM certificates."""

LISTENERS = frozenset({"alibaba.alb", "alibaba.clb", "alibaba.nlb", "alibaba.sae"})
"""Services whose changes affect a load balancer's listener, directly or through a route on it."""

SAME_NAMES = frozenset(
    {"alibaba.alb", "alibaba.clb", "alibaba.nlb", "alibaba.ga_domain", "alibaba.ga_listener"}
)
"""Load balancers and accelerators: a new certificate must include the names of the former one."""

# Shared certificates lie among the uploaded ones in the store, each counted by itself.
GROUPS = {
    Source.OFFICIAL: "official",
    Source.UPLOADED: "uploaded or shared",
    Source.SHARED: "uploaded or shared",
}


def check_contacts(contacts: Sequence[str]) -> None:
    """Raises BadInput for more than ten contacts, or one named twice."""
    if len(contacts) > MAX_CONTACTS:
        raise BadInput(
            f"{len(contacts)} contacts are named, a task notifies at most {MAX_CONTACTS}",
            where="--contact",
            code="too-many-contacts",
            fix="Name fewer, or a mailing list as one contact.",
        )
    if len(set(contacts)) < len(contacts):
        raise BadInput(
            "a contact is named twice",
            where="--contact",
            code="contact-twice",
            fix="Name each once.",
        )


def check_certificates(certificates: Sequence[Certificate]) -> None:
    """Raises BadInput for a name that stores refuse, and for a mix of official and other ones."""
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


def find_validity_refusal(certificate: Certificate, at: datetime) -> Refusal | None:
    """Refuses a certificate that is not valid at `at`: now, or when the task begins."""
    if certificate.not_before <= at < certificate.not_after:
        return None
    return Refusal(
        subject=certificate.name,
        code=RefusalCode.VALIDITY,
        reason=f"valid from {certificate.not_before:%Y-%m-%d} to "
        f"{certificate.not_after:%Y-%m-%d}, not on {at:%Y-%m-%d}",
    )


def find_change_refusal(
    traits: Traits, resource: Resource, before: Binding | None, certificate: Certificate
) -> Refusal | None:
    """Refuses a certificate that this service does not take on this resource."""
    for code, reason in (
        (RefusalCode.STATE, _explain_state(resource)),
        (RefusalCode.SM, _explain_sm(traits.service, certificate)),
        (RefusalCode.ALGORITHM, _explain_algorithm(traits, certificate)),
        (RefusalCode.SLOT, _explain_slot(resource, certificate)),
        (RefusalCode.SCENARIO, _explain_scenario(traits, before)),
        (RefusalCode.SAME_NAMES, _explain_same_names(resource, before, certificate)),
    ):
        if reason:
            return Refusal(subject=resource.id, code=code, reason=reason)
    return None


def find_coverage_refusal(change: Change) -> Refusal | None:
    """Refuses a change that loses names; for plan requests that require coverage."""
    reason = describe_lost_names(change)
    if change.before is not None and not change.before.names:
        reason = "the service does not report the names of the certificate that it serves"
    return (
        Refusal(subject=change.resource.id, code=RefusalCode.COVERAGE, reason=reason)
        if reason
        else None
    )


def describe_lost_names(change: Change) -> str | None:
    """The names that clients can use before the change and not after it, as a text."""
    lost = change.names_lost
    return f"names no longer covered: {', '.join(lost)}" if lost else None


def may_replace(resource: Resource, certificate: Certificate) -> bool:
    """Whether the certificate may replace the default one of a listener without covering its names.

    The default slot of a load balancer's or an accelerator's listener has no names but those of its
    former certificate. It takes every certificate that includes them.
    """
    default = resource.service in SAME_NAMES and resource.slot == "default"
    fits = default and may_take(resource, certificate.algorithm) and bool(resource.domains)
    return fits and not list_names_not_included(certificate.names, resource.domains)


def list_listener_refusals(changes: Iterable[Change]) -> list[Refusal]:
    """Refuses changes that give the default slot of one listener several certificates.

    A change may reach a listener directly or through a route on it: both have the same lock.
    Additional certificates (SNI) are resources of their own.
    """
    slots: dict[tuple[str, int], list[Change]] = {}
    for change in changes:
        resource = change.resource
        if resource.service in LISTENERS and resource.slot == "default" and change.lock:
            slots.setdefault((change.lock, resource.port), []).append(change)
    return [
        refusal
        for rivals in slots.values()
        if _has_several_certificates(rivals)
        for refusal in _refuse_rivals(rivals)
    ]


def _has_several_certificates(changes: Sequence[Change]) -> bool:
    return len({change.after.fingerprint for change in changes if change.after}) > 1


def _refuse_rivals(changes: Sequence[Change]) -> list[Refusal]:
    listed = "; ".join(f"{each.resource.id}: {each.after}" for each in changes)
    reason = f"several certificates for the default slot of one listener ({listed}): choose one"
    return [
        Refusal(subject=each.resource.id, code=RefusalCode.ONE_PER_LISTENER, reason=reason)
        for each in changes
    ]


def _explain_state(resource: Resource) -> str | None:
    return None if resource.state == "online" else f"the resource is {resource.state}"


def _explain_sm(service: str, certificate: Certificate) -> str | None:
    elsewhere = service.startswith(PROVIDER) and service not in SM_SERVICES
    if certificate.algorithm is not Algorithm.SM2 or not elsewhere:
        return None
    return f"SM certificates go to {', '.join(sorted(SM_SERVICES))} only"


def _explain_algorithm(traits: Traits, certificate: Certificate) -> str | None:
    if certificate.algorithm in traits.algorithms:
        return None
    if certificate.algorithm is Algorithm.SM2 and traits.no_sm2:
        return traits.no_sm2
    taken = ", ".join(sorted(algorithm.value for algorithm in traits.algorithms))
    return f"{traits.service} takes {taken}, {certificate.name} is {certificate.algorithm.value}"


def _explain_slot(resource: Resource, certificate: Certificate) -> str | None:
    return None if may_take(resource, certificate.algorithm) else explain_not_taken(resource)


def _explain_scenario(traits: Traits, before: Binding | None) -> str | None:
    if (Scenario.FIRST if before is None else Scenario.UPDATE) in traits.scenarios:
        return None
    if before is None:
        return "it has no certificate yet; set the first one in the service's console"
    return "the service does not allow another certificate"


def _explain_same_names(
    resource: Resource, before: Binding | None, certificate: Certificate
) -> str | None:
    if resource.service not in SAME_NAMES or before is None:
        return None
    missing = list_names_not_included(certificate.names, before.names or resource.domains)
    if not missing:
        return None
    return (
        f"load balancers and accelerators require a new certificate for the names of the former "
        f"one; no name of {certificate.name} is the same as or includes {', '.join(missing)}"
    )
