"""What serves which certificate until when: grouped, narrowed, and asked by sets."""

from datetime import timedelta

import pytest

from domain.cause import Cause
from domain.certificates.expiry import Counts, Place, Served
from domain.resources.inventory_sync import Walk
from domain.resources.resource import Binding, Found
from storage.expiry.statements import Scope
from storage.store import Store
from tests.storage.examples import LATER, NOW, account
from tests.storage.expiry_examples import FP, LATE, SOON, ours, place, put

A, B, C, D = FP["a"], FP["b"], FP["c"], FP["d"]


@pytest.fixture(autouse=True)
def _accounts(store: Store) -> None:
    for name in ("main", "shop"):
        store.accounts.add(account(name), {})


def served(store: Store, **scope: object) -> list[Served]:
    return store.expiry.certificates(Scope.model_validate(scope)).rows


def test_certificates_are_told_soonest_first_with_where_they_serve(store: Store) -> None:
    ours(store, A, LATE)
    put(store, place(1), Binding(fingerprint=A, name="cas-77", not_after=LATE, issuer="told"))
    put(store, place(2), Binding(fingerprint=A, not_after=LATE))
    put(store, place(3, "shop", "alibaba.alb"), Binding(fingerprint=A, not_after=LATE))
    foreign = Binding(
        fingerprint=B, name="theirs", names=("b.example.com",), not_after=SOON, issuer="CA"
    )
    put(store, place(4), foreign)
    first, second = served(store)
    assert first == Served(
        fingerprint=B,
        name="theirs",
        names=("b.example.com",),
        issuer="CA",
        not_after=SOON,
        managed=False,
        resources=1,
        places=(Place(account="main", service="alibaba.cdn", resources=1),),
    )
    assert (second.name, second.issuer, second.managed) == ("our-a", "Issuer", True)
    assert second.names == ("www.example.com",)
    assert second.resources == 3
    assert second.places == (
        Place(account="main", service="alibaba.cdn", resources=2),
        Place(account="shop", service="alibaba.alb", resources=1),
    )
    assert first.not_after is not None
    assert first.not_after.utcoffset() == timedelta(0)


def test_what_a_service_tells_by_name_only_is_shown_as_far_as_it_goes(store: Store) -> None:
    put(store, place(1), Binding(name="one", not_after=SOON))
    put(store, place(2), Binding(name="one", not_after=SOON))
    put(store, place(3), Binding(name="two"))
    one, two = served(store)
    assert (one.fingerprint, one.name, one.managed, one.resources) == (None, "one", None, 2)
    assert (two.name, two.not_after, two.resources) == ("two", None, 1)


def test_our_own_copy_knows_what_the_service_does_not_tell(store: Store) -> None:
    ours(store, A, SOON)
    put(store, place(1), Binding(fingerprint=A))
    assert [each.not_after for each in served(store)] == [SOON]
    assert [each.not_after for each in served(store, before=LATE)] == [SOON]
    assert store.expiry.resources().rows[0].not_after == SOON
    assert store.expiry.unknown().rows == []


def test_what_serves_nothing_is_gone_or_not_read_yet_does_not_count(store: Store) -> None:
    put(store, place(1), Binding(fingerprint=A, not_after=SOON), NOW - timedelta(days=1))
    store.inventory.mark_vanished("main", "alibaba.cdn", NOW)
    put(store, place(2), None)
    store.inventory.upsert([Found(resource=place(3))], NOW)
    assert served(store) == []
    assert store.expiry.resources().rows == []


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
    ours(store, A, SOON)
    ours(store, C, LATE)
    put(store, place(1), Binding(fingerprint=A, not_after=SOON))
    put(store, place(2, service="alibaba.alb"), Binding(fingerprint=B, not_after=LATE))
    put(store, place(3, "shop"), Binding(fingerprint=C, not_after=LATE))
    assert "".join(str(each.fingerprint)[0] for each in served(store, **scope)) == expected
    listed = store.expiry.resources(Scope.model_validate(scope)).rows
    assert "".join(str(each.fingerprint)[0] for each in listed) == expected


def test_only_the_first_are_told_and_how_many_there_are(store: Store) -> None:
    for number, letter in enumerate("dcba"):
        until = SOON - timedelta(days=number)
        put(store, place(number), Binding(fingerprint=FP[letter], not_after=until))
    rows, total = store.expiry.certificates(limit=2)
    assert ([each.fingerprint for each in rows], total) == ([A, B], 4)
    found, total = store.expiry.resources(limit=3)
    assert ([each.resource for each in found], total) == ([place(n).id for n in (3, 2, 1)], 4)
    assert store.expiry.resources(limit=4).total == 4


def test_a_successor_in_the_vault_is_told(store: Store) -> None:
    ours(store, A, SOON)
    ours(store, B, LATE, replaces=A)
    put(store, place(1), Binding(fingerprint=A, not_after=SOON))
    put(store, place(2), Binding(fingerprint=C, names=("www.example.com",), not_after=SOON))
    put(store, place(3), Binding(fingerprint=D, names=("d.example.com",), not_after=SOON))
    found = {each.fingerprint: each.successor and each.successor.name for each in served(store)}
    assert found == {A: "our-b", C: "our-b", D: None}
    (first, *_) = store.expiry.resources().rows
    assert first.successor is not None
    assert (first.domains, first.successor.fingerprint) == (("host1.example.com",), B)


def test_why_something_is_not_known_is_told(store: Store) -> None:
    store.inventory.upsert([Found(resource=place(1))], NOW)
    store.inventory.upsert([Found(resource=place(2, service="alibaba.alb"))], NOW)
    walk = Walk(account="main", service="alibaba.alb", run="1")
    store.syncs.begin(walk, NOW)
    store.syncs.fail(walk, LATER, Cause(code="Forbidden.RAM", message="no permission"))
    put(store, place(3), Binding(fingerprint=A))
    put(store, place(4), Binding(not_after=SOON))
    put(store, place(5), Binding(name="known", not_after=SOON))
    put(store, place(6), Binding(fingerprint=A, not_after=SOON))
    store.inventory.doubt(place(6).id)
    told = {each.resource: each.reason for each in store.expiry.unknown().rows}
    assert told == {
        place(1).id: "not read yet",
        place(2, service="alibaba.alb").id: (
            "not read yet; the last sync says Forbidden.RAM: no permission"
        ),
        place(3).id: "its service does not tell until when",
        place(4).id: "its service does not tell which certificate it serves",
        place(6).id: "not read since a change of it ended unclear",
    }
    rows, total = store.expiry.unknown(Scope(service="alibaba.cdn"), limit=1)
    assert (len(rows), total) == (1, 4)


def test_counts_are_of_all_that_is_not_gone(store: Store) -> None:
    assert store.expiry.counts() == Counts()
    put(store, place(1), Binding(fingerprint=A, not_after=SOON), NOW - timedelta(days=1))
    store.inventory.mark_vanished("main", "alibaba.cdn", NOW)
    put(store, place(2), Binding(fingerprint=B, not_after=SOON))
    put(store, place(3), None)
    store.inventory.upsert([Found(resource=place(4))], NOW)
    assert store.expiry.counts() == Counts(resources=3, unknown=1, unmanaged=1)
