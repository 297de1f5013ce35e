"""Slots of a resource that take certificates of one kind only. Pure."""

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.certificates.name_index import Choice, NameIndex
from domain.resources.resource import Resource

PROVIDER = "alibaba."
SM_SLOT = "sm"
"""This provider's slot for an SM2 pair, beside a domain's usual one; no other takes such a pair."""

DEFAULT_SLOT = "default"
ADDITIONAL = "/sni/"
"""What is between a listener and the name of an additional certificate, in a resource's key."""


def takes(resource: Resource, algorithm: Algorithm) -> bool:
    """Whether the resource's slot is of the right kind; its service may refuse it all the same."""
    ours = resource.service.startswith(PROVIDER)
    return not ours or (algorithm is Algorithm.SM2) is (resource.slot == SM_SLOT)


def serves_default(resource: Resource) -> bool:
    """Whether it is what a listener shows to clients that ask for no name.

    Such a slot is one of several on its listener, and its key ends with its name.
    """
    return resource.slot == DEFAULT_SLOT and resource.key.endswith(f"/{DEFAULT_SLOT}")


def default_beside(resource: Resource) -> str | None:
    """The id of the default slot on the same listener; None where it is that one, or has none."""
    listener, additional, _ = resource.id.partition(ADDITIONAL)
    return f"{listener}/{DEFAULT_SLOT}" if additional else None


def why_not_taken(resource: Resource) -> str:
    """What to tell of a certificate that the slot does not take."""
    if resource.slot == SM_SLOT:
        return "this slot takes SM2 pairs only; other certificates go to the domain itself"
    return (
        f"SM2 pairs go to the domain's own slot for them, {resource.key}/{SM_SLOT}; the inventory "
        "has it once the account asks for such slots (--sm-slots)"
    )


def choose(
    resource: Resource, index: NameIndex[Certificate]
) -> tuple[Choice[Certificate] | None, bool]:
    """The best one for the resource's names, and whether its slot takes it.

    One that it does not take is told only where no other covers the names, to be refused by name.
    """
    taken = index.choose(resource.domains, lambda one: takes(resource, one.algorithm))
    return taken or index.choose(resource.domains), taken is not None
