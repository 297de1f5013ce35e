"""The policy of a certificate, out of options."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.certificates.renewal import Policy
    from storage.store import Store


def checked(
    store: "Store",
    mode: str,
    contacts: Sequence[str] | None,
    accounts: Sequence[str] | None,
    services: Sequence[str] | None,
    rollback_days: int,
) -> "Policy":
    """BadInput for a name that is not known: a renewal at night would be the first to notice."""
    import connectors
    from domain.certificates.renewal import Mode, Policy
    from domain.plans.rules import check_contacts

    check_contacts(contacts or ())
    for contact in contacts or ():
        store.contacts.get(contact)
    for service in services or ():
        connectors.load(service)
    return Policy(
        mode=Mode(mode),
        contacts=tuple(contacts or ()),
        accounts=tuple(store.accounts.get(name).name for name in accounts or ()),
        services=tuple(services or ()),
        rollback_days=rollback_days,
    )


def set_policy(store: "Store", found: "Certificate", policy: "Policy") -> "Certificate":
    """Sets it where the next successor will look for it, and returns that certificate."""
    from domain.certificates.renewal import newest

    head = store.certificates.get(newest(found.fingerprint, store.certificates.links()))
    before = store.certificates.standing(head.fingerprint)
    store.certificates.stand(head.fingerprint, before.model_copy(update={"policy": policy}))
    return head
