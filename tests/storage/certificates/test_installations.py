"""What was installed is remembered per certificate, account and store."""

import pytest

from domain.resources.resource import CertificateRef
from storage.store import Store
from tests.storage.certificates.test_certificates import KEY
from tests.support.stored_examples import LATER, NEW, NOW, OLD, build_account, build_certificate


def test_a_reference_is_saved_and_replaced(store: Store) -> None:
    store.accounts.add(build_account(), {})
    store.certificates.add(build_certificate(), KEY)
    first = CertificateRef(store="alibaba.cas/cn", fields={"cert_id": "1"})
    second = CertificateRef(store="alibaba.cas/cn", fields={"cert_id": "2"})
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") is None
    store.installations.save(NEW, "main", "alibaba.cas/cn", first, NOW)
    store.installations.save(NEW, "main", "alibaba.cas/cn", first, NOW)
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") == first
    store.installations.save(NEW, "main", "alibaba.cas/cn", second, LATER)
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") == second
    assert store.installations.get(NEW, "main", "alibaba.cas/intl") is None
    store.certificates.delete(NEW)
    store.certificates.add(build_certificate(), KEY)
    assert store.installations.get(NEW, "main", "alibaba.cas/cn") is None


CAS = "alibaba.cas/cn"
REF = CertificateRef(store=CAS, fields={"cert_id": "1"})
OTHER = CertificateRef(store=CAS, fields={"cert_id": "2"})


@pytest.fixture
def shelf(store: Store) -> Store:
    """A store that knows one certificate and one account."""
    store.accounts.add(build_account(), {})
    store.certificates.add(build_certificate(), KEY)
    return store


def uploaded(store: Store) -> bool:
    (one,) = store.installations.list("main")
    return one.uploaded


def test_a_certificate_that_was_found_in_a_store_is_not_ours(shelf: Store) -> None:
    shelf.installations.save(NEW, "main", CAS, REF, NOW)
    assert not uploaded(shelf)
    shelf.installations.save(NEW, "main", CAS, REF, LATER)
    assert not uploaded(shelf)


def test_what_was_uploaded_stays_ours_when_it_is_found_again(shelf: Store) -> None:
    shelf.installations.begin_upload(NEW, "main", CAS, NOW)
    assert shelf.installations.get(NEW, "main", CAS) is None
    assert shelf.installations.list() == []
    assert shelf.installations.list_locations([NEW]) == set()
    shelf.installations.save(NEW, "main", CAS, REF, LATER)
    assert uploaded(shelf)
    shelf.installations.save(NEW, "main", CAS, REF, LATER)
    assert uploaded(shelf)
    assert shelf.installations.list_locations([NEW, OLD]) == {(NEW, "main", CAS)}


def test_a_certificate_with_another_reference_is_not_ours_any_more(shelf: Store) -> None:
    shelf.installations.begin_upload(NEW, "main", CAS, NOW)
    shelf.installations.save(NEW, "main", CAS, REF, NOW)
    shelf.installations.save(NEW, "main", CAS, OTHER, LATER)
    assert not uploaded(shelf)


def test_an_upload_that_was_refused_leaves_nothing_of_ours(shelf: Store) -> None:
    shelf.installations.begin_upload(NEW, "main", CAS, NOW)
    shelf.installations.cancel_upload(NEW, "main", CAS)
    shelf.installations.save(NEW, "main", CAS, REF, LATER)
    assert not uploaded(shelf)
    shelf.installations.cancel_upload(NEW, "main", CAS)
    assert shelf.installations.get(NEW, "main", CAS) == REF


def test_what_is_gone_is_forgotten(shelf: Store) -> None:
    shelf.installations.save(NEW, "main", CAS, REF, NOW)
    shelf.installations.save(NEW, "main", "alibaba.cas/intl", REF, NOW)
    shelf.installations.delete(NEW, "main", CAS)
    assert [one.store for one in shelf.installations.list("main")] == ["alibaba.cas/intl"]
    assert shelf.installations.list("other") == []
