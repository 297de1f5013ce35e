"""Decides which certificates a slot of a resource may take. Pure; matching and rules call it."""

from domain.certificates.certificate import Certificate
from domain.certificates.keys import Algorithm
from domain.certificates.name_index import Choice, NameIndex
from domain.resources.resource import Resource

PROVIDER = "alibaba."
SM_SLOT = "sm"
"""The slot of this provider for SM2 pairs, besides a domain's usual one; no other takes them."""

DEFAULT_SLOT = "default"
ADDITIONAL = "/sni/"
"""Separates a listener from the name of an additional certificate in a resource's key."""


def may_take(resource: Resource, algorithm: Algorithm) -> bool:
    """Whether the slot is for this kind of key; the service may still refuse the certificate."""
    has_sm_slots = resource.service.startswith(PROVIDER)
    return not has_sm_slots or (algorithm is Algorithm.SM2) is (resource.slot == SM_SLOT)


def is_default_slot(resource: Resource) -> bool:
    """Whether a listener shows this slot's certificate to clients that send no name (SNI)."""
    return resource.slot == DEFAULT_SLOT and resource.key.endswith(f"/{DEFAULT_SLOT}")


def get_default_slot_id(resource: Resource) -> str | None:
    """The id of the default slot on the same listener; None for any but an additional slot."""
    listener, additional, _ = resource.id.partition(ADDITIONAL)
    return f"{listener}/{DEFAULT_SLOT}" if additional else None


def explain_not_taken(resource: Resource) -> str:
    if resource.slot == SM_SLOT:
        return "this slot takes SM2 pairs only; other certificates go to the domain itself"
    return (
        f"SM2 pairs go to the domain's own slot for them, {resource.key}/{SM_SLOT}; the inventory "
        "has it once the account asks for such slots (--sm-slots)"
    )


def choose_certificate(
    resource: Resource, index: NameIndex[Certificate]
) -> tuple[Choice[Certificate] | None, bool]:
    """The best certificate for the resource's names, and whether its slot may take it.

    Returns one that the slot does not take only if no other covers the names, so that it can be
    refused with the reason.
    """
    taken = index.choose(resource.domains, lambda one: may_take(resource, one.algorithm))
    return taken or index.choose(resource.domains), taken is not None
