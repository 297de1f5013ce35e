"""Builds and sets the renewal policy of a certificate. Called by `certificate policy`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.certificates.renewal import RenewalPolicy
    from storage.store import Store


def build_policy(
    store: "Store",
    mode: str,
    contacts: Sequence[str] | None,
    accounts: Sequence[str] | None,
    services: Sequence[str] | None,
    rollback_days: int,
) -> "RenewalPolicy":
    """Builds a policy from the options.

    Raises BadInput for an unknown name: otherwise only the next renewal would notice it.
    """
    import connectors
    from domain.certificates.renewal import RenewalMode, RenewalPolicy
    from domain.plans.rules import check_contacts

    check_contacts(contacts or ())
    for contact in contacts or ():
        store.contacts.get(contact)
    for service in services or ():
        connectors.load_connector(service)
    return RenewalPolicy(
        mode=RenewalMode(mode),
        contacts=tuple(contacts or ()),
        accounts=tuple(store.accounts.get(name).name for name in accounts or ()),
        services=tuple(services or ()),
        rollback_days=rollback_days,
    )


def set_policy(store: "Store", found: "Certificate", policy: "RenewalPolicy") -> "Certificate":
    """Sets the policy on the newest successor, which passes it on. Returns that certificate."""
    from domain.certificates.renewal import find_newest

    head = store.certificates.get(
        find_newest(found.fingerprint, store.certificates.get_predecessors())
    )
    before = store.certificates.get_renewal(head.fingerprint)
    store.certificates.set_renewal(head.fingerprint, before.model_copy(update={"policy": policy}))
    return head
