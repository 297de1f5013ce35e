"""The rules that a task must keep, each with a reason that a person understands."""

from collections.abc import Sequence
from datetime import datetime

from domain.certificate import Certificate
from domain.connector import Scenario, Traits
from domain.errors import BadInput
from domain.plan import Refusal
from domain.resource import Binding, Resource

MOST_CONTACTS = 10


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


def check_sources(certificates: Sequence[Certificate]) -> None:
    """All certificates of one task have one source: quota is counted by it."""
    sources = sorted({certificate.source.value for certificate in certificates})
    if len(sources) > 1:
        raise BadInput(
            f"certificates of several sources in one task: {', '.join(sources)}",
            where="--certificate",
            fix="Make one task for each source.",
        )


def check_validity(certificate: Certificate, at: datetime) -> Refusal | None:
    """A certificate must be valid when the plan is made."""
    if certificate.not_before <= at < certificate.not_after:
        return None
    return Refusal(
        subject=certificate.name,
        rule="validity",
        reason=f"valid from {certificate.not_before:%Y-%m-%d} to "
        f"{certificate.not_after:%Y-%m-%d}, not on {at:%Y-%m-%d}",
    )


def check_change(
    traits: Traits, resource: Resource, before: Binding | None, certificate: Certificate
) -> Refusal | None:
    """Whether this service takes this certificate on this resource, and if not why."""
    if resource.state != "online":
        return Refusal(
            subject=resource.id, rule="state", reason=f"the resource is {resource.state}"
        )
    if certificate.algorithm not in traits.algorithms:
        taken = ", ".join(sorted(algorithm.value for algorithm in traits.algorithms))
        return Refusal(
            subject=resource.id,
            rule="algorithm",
            reason=f"{traits.service} takes {taken}, {certificate.name} is "
            f"{certificate.algorithm.value}",
        )
    scenario = Scenario.FIRST if before is None else Scenario.UPDATE
    if scenario not in traits.scenarios:
        reason = (
            "it has no certificate yet, and the first one has to be set in the service's console"
            if scenario is Scenario.FIRST
            else "the service does not take another certificate"
        )
        return Refusal(subject=resource.id, rule="scenario", reason=reason)
    return None
