"""What was installed is remembered per certificate, account and store."""

from domain.resource import CertificateRef
from storage.store import Store
from tests.storage.examples import LATER, NEW, NOW, account, certificate
from tests.storage.test_certificates import KEY


def test_a_reference_is_kept_and_replaced(store: Store) -> None:
    store.accounts.add(account(), {})
    store.certificates.add(certificate(), KEY)
    first = CertificateRef(store="alibaba.cas/cn", fields={"cert_id": "1"})
    second = CertificateRef(store="alibaba.cas/cn", fields={"cert_id": "2"})
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") is None
    store.installations.put(NEW, "main", "alibaba.cas/cn", first, NOW)
    store.installations.put(NEW, "main", "alibaba.cas/cn", first, NOW)
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") == first
    store.installations.put(NEW, "main", "alibaba.cas/cn", second, LATER)
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") == second
    assert store.installations.get(NEW, "main", "alibaba.cas/intl") is None
    store.certificates.delete(NEW)
    store.certificates.add(certificate(), KEY)
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") is None
