"""Putting a certificate into a store, and remembering whether it was us who uploaded it."""

from datetime import UTC, datetime

from domain.certificates.certificate import Certificate
from domain.certificates.keys import PrivateKey
from domain.errors import NeedsOperator, Permanent
from domain.resources.connector import Connector
from domain.resources.resource import Resource
from domain.tasks.messages import Installation
from storage.store import Store


def put_into_store(
    store: Store,
    connector: Connector,
    wanted: Installation,
    certificate: Certificate,
    resource: Resource,
) -> None:
    """Installs it in the store that `resource` binds from; found there, it is not ours to remove.

    The key is opened only for an upload, so that is the moment to write down that one begins: if
    its answer is lost, the next attempt finds the certificate there and still knows whose it is.
    """
    installations, place = store.installations, (wanted.fingerprint, wanted.account, wanted.store)
    begun = False

    def key() -> PrivateKey:
        nonlocal begun
        installations.begin_upload(*place, datetime.now(UTC))
        begun = True
        return store.certificates.key(wanted.fingerprint)

    try:
        ref = connector.install(certificate, key, resource)
    except (Permanent, NeedsOperator):
        if begun:
            installations.give_up_upload(*place)
        raise
    installations.put(*place, ref, datetime.now(UTC))
