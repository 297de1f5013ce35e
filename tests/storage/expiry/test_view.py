"""What serves which certificate until when: grouped, narrowed, and asked by sets."""

from datetime import timedelta

import pytest

from domain.cause import Cause
from domain.certificates.expiry import ResourceCounts, ServedCertificate, ServiceCount
from domain.resources.inventory_sync import ServiceSync
from domain.resources.resource import Binding, DiscoveredResource
from storage.expiry.statements import Scope
from storage.store import Store
from tests.support.expiry_examples import (
    FP,
    LATE,
    SOON,
    build_resource,
    store_binding,
    store_certificate,
)
from tests.support.stored_examples import LATER, NOW, build_account, mark_vanished

A, B, C, D = FP["a"], FP["b"], FP["c"], FP["d"]


@pytest.fixture(autouse=True)
def _accounts(store: Store) -> None:
    for name in ("main", "shop"):
        store.accounts.add(build_account(name), {})


def served(store: Store, **scope: object) -> list[ServedCertificate]:
    return store.expiry.list_certificates(Scope.model_validate(scope)).rows


def test_certificates_are_listed_by_expiry_with_their_services(store: Store) -> None:
    store_certificate(store, A, LATE)
    store_binding(
        store,
        build_resource(1),
        Binding(fingerprint=A, name="cas-77", not_after=LATE, issuer="CN=CA"),
    )
    store_binding(store, build_resource(2), Binding(fingerprint=A, not_after=LATE))
    store_binding(
        store, build_resource(3, "shop", "alibaba.alb"), Binding(fingerprint=A, not_after=LATE)
    )
    foreign = Binding(
        fingerprint=B, name="theirs", names=("b.example.com",), not_after=SOON, issuer="CA"
    )
    store_binding(store, build_resource(4), foreign)
    first, second = served(store)
    assert first == ServedCertificate(
        fingerprint=B,
        name="theirs",
        names=("b.example.com",),
        issuer="CA",
        not_after=SOON,
        managed=False,
        resources=1,
        services=(ServiceCount(account="main", service="alibaba.cdn", resources=1),),
    )
    assert (second.name, second.issuer, second.managed) == ("our-a", "Issuer", True)
    assert second.names == ("www.example.com",)
    assert second.resources == 3
    assert second.services == (
        ServiceCount(account="main", service="alibaba.cdn", resources=2),
        ServiceCount(account="shop", service="alibaba.alb", resources=1),
    )
    assert first.not_after is not None
    assert first.not_after.utcoffset() == timedelta(0)


def test_what_a_service_tells_by_name_only_is_shown_as_far_as_it_goes(store: Store) -> None:
    store_binding(store, build_resource(1), Binding(name="one", not_after=SOON))
    store_binding(store, build_resource(2), Binding(name="one", not_after=SOON))
    store_binding(store, build_resource(3), Binding(name="two"))
    one, two = served(store)
    assert (one.fingerprint, one.name, one.managed, one.resources) == (None, "one", None, 2)
    assert (two.name, two.not_after, two.resources) == ("two", None, 1)


def test_our_own_copy_knows_what_the_service_does_not_tell(store: Store) -> None:
    store_certificate(store, A, SOON)
    store_binding(store, build_resource(1), Binding(fingerprint=A))
    assert [each.not_after for each in served(store)] == [SOON]
    assert [each.not_after for each in served(store, before=LATE)] == [SOON]
    assert store.expiry.list_resources().rows[0].not_after == SOON
    assert store.expiry.list_unknown().rows == []


def test_what_serves_nothing_is_gone_or_not_read_yet_does_not_count(store: Store) -> None:
    store_binding(
        store, build_resource(1), Binding(fingerprint=A, not_after=SOON), NOW - timedelta(days=1)
    )
    mark_vanished(store, "main", "alibaba.cdn", NOW)
    store_binding(store, build_resource(2), None)
    store.inventory.upsert([DiscoveredResource(resource=build_resource(3))], NOW)
    assert served(store) == []
    assert store.expiry.list_resources().rows == []


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({}, "abc"),
        ({"account": "main"}, "ab"),
        ({"service": "alibaba.alb"}, "b"),
        ({"before": LATE}, "a"),
        ({"before": LATE + timedelta(seconds=1)}, "abc"),
        ({"unmanaged": True}, "b"),
        ({"unmanaged": True, "account": "shop"}, ""),
    ],
)
def test_the_view_is_narrowed(store: Store, scope: dict[str, object], expected: str) -> None:
    store_certificate(store, A, SOON)
    store_certificate(store, C, LATE)
    store_binding(store, build_resource(1), Binding(fingerprint=A, not_after=SOON))
    store_binding(
        store, build_resource(2, service="alibaba.alb"), Binding(fingerprint=B, not_after=LATE)
    )
    store_binding(store, build_resource(3, "shop"), Binding(fingerprint=C, not_after=LATE))
    assert "".join(str(each.fingerprint)[0] for each in served(store, **scope)) == expected
    listed = store.expiry.list_resources(Scope.model_validate(scope)).rows
    assert "".join(str(each.fingerprint)[0] for each in listed) == expected


def test_only_the_first_rows_are_returned_with_the_number_of_all(store: Store) -> None:
    for number, letter in enumerate("dcba"):
        until = SOON - timedelta(days=number)
        store_binding(
            store, build_resource(number), Binding(fingerprint=FP[letter], not_after=until)
        )
    rows, total = store.expiry.list_certificates(limit=2)
    assert ([each.fingerprint for each in rows], total) == ([A, B], 4)
    found, total = store.expiry.list_resources(limit=3)
    assert ([each.resource for each in found], total) == (
        [build_resource(n).id for n in (3, 2, 1)],
        4,
    )
    assert store.expiry.list_resources(limit=4).total == 4


def test_a_successor_in_the_vault_is_found(store: Store) -> None:
    store_certificate(store, A, SOON)
    store_certificate(store, B, LATE, replaces=A)
    store_binding(store, build_resource(1), Binding(fingerprint=A, not_after=SOON))
    store_binding(
        store, build_resource(2), Binding(fingerprint=C, names=("www.example.com",), not_after=SOON)
    )
    store_binding(
        store, build_resource(3), Binding(fingerprint=D, names=("d.example.com",), not_after=SOON)
    )
    found = {each.fingerprint: each.successor and each.successor.name for each in served(store)}
    assert found == {A: "our-b", C: "our-b", D: None}
    (first, *_) = store.expiry.list_resources().rows
    assert first.successor is not None
    assert (first.domains, first.successor.fingerprint) == (("host1.example.com",), B)


def test_unknown_expiries_have_a_reason(store: Store) -> None:
    store.inventory.upsert([DiscoveredResource(resource=build_resource(1))], NOW)
    store.inventory.upsert(
        [DiscoveredResource(resource=build_resource(2, service="alibaba.alb"))], NOW
    )
    walk = ServiceSync(account="main", service="alibaba.alb", run="1")
    store.syncs.begin(walk, NOW)
    store.syncs.fail(walk, LATER, Cause(code="Forbidden.RAM", message="no permission"))
    store_binding(store, build_resource(3), Binding(fingerprint=A))
    store_binding(store, build_resource(4), Binding(not_after=SOON))
    store_binding(store, build_resource(5), Binding(name="known", not_after=SOON))
    store_binding(store, build_resource(6), Binding(fingerprint=A, not_after=SOON))
    store.inventory.mark_unknown(build_resource(6).id)
    unknown = {each.resource: each for each in store.expiry.list_unknown().rows}
    assert {resource: each.code for resource, each in unknown.items()} == {
        build_resource(1).id: "not-read",
        build_resource(2, service="alibaba.alb").id: "sync-failed",
        build_resource(3).id: "no-expiry",
        build_resource(4).id: "no-certificate",
        build_resource(6).id: "unclear-change",
    }
    assert (
        "Forbidden.RAM: no permission"
        in unknown[build_resource(2, service="alibaba.alb").id].reason
    )
    rows, total = store.expiry.list_unknown(Scope(service="alibaba.cdn"), limit=1)
    assert (len(rows), total) == (1, 4)


def test_counts_are_of_all_that_is_not_gone(store: Store) -> None:
    assert store.expiry.count_resources() == ResourceCounts()
    store_binding(
        store, build_resource(1), Binding(fingerprint=A, not_after=SOON), NOW - timedelta(days=1)
    )
    mark_vanished(store, "main", "alibaba.cdn", NOW)
    store_binding(store, build_resource(2), Binding(fingerprint=B, not_after=SOON))
    store_binding(store, build_resource(3), None)
    store.inventory.upsert([DiscoveredResource(resource=build_resource(4))], NOW)
    assert store.expiry.count_resources() == ResourceCounts(resources=3, unknown=1, unmanaged=1)
