"""The inventory's list is narrowed by the database, on both kinds alike."""

import pytest

from domain.errors import BadInput
from domain.resources.resource import Binding, DiscoveredResource, Resource
from storage.inventory.queries import InventoryQuery
from storage.store import Store
from tests.support.expiry_examples import FP, LATE, SOON, store_certificate
from tests.support.refusals import has_code
from tests.support.stored_examples import LATER, NOW, build_account, mark_vanished


def found(
    key: str, binding: Binding | None, service: str = "alibaba.cdn", **tags: str
) -> DiscoveredResource:
    domains = (f"{key}.example.com", f"{key}.example.org")
    resource = Resource(account="main", service=service, key=f"lsn/{key}", domains=domains)
    return DiscoveredResource(resource=resource, binding=binding, binding_known=True, tags=tags)


@pytest.fixture(autouse=True)
def _resources(store: Store) -> None:
    store.accounts.add(build_account(), {})
    store.accounts.add(build_account("shop"), {})
    store_certificate(store, FP["a"], SOON)
    known = Binding(fingerprint=FP["a"], name="Größe 100%", names=("n1.example",), not_after=SOON)
    store.inventory.upsert([found("gone", None)], NOW)
    mark_vanished(store, "main", "alibaba.cdn", LATER)
    listed = [
        found("one", known, env="prod", team="Web"),
        found("two", Binding(fingerprint=FP["b"], name="a_b", not_after=LATE), env="test"),
        found("three", None, "alibaba.alb", **{"acs:tag.key": "x"}),
    ]
    store.inventory.upsert(listed, LATER)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "three one two"),
        ({"gone": True}, "three gone one two"),
        ({"account": "shop"}, ""),
        ({"service": "alibaba.alb"}, "three"),
        ({"expiring_before": LATE}, "one"),
        ({"unmanaged": True}, "two"),
        ({"tags": ("env",)}, "one two"),
        ({"tags": ("env=prod",)}, "one"),
        ({"tags": ("env=prod", "team=Web")}, "one"),
        ({"tags": ("env=prod", "team=web")}, ""),
        ({"tags": ("acs:tag.key=x",)}, "three"),
        ({"search": "TWO.example.ORG"}, "two"),
        ({"search": "main/alibaba.alb/lsn"}, "three"),
        ({"search": "GRÖSSE"}, ""),
        ({"search": "Größe"}, "one"),
        ({"search": "N1.EXAMPLE"}, "one"),
        ({"search": "100%"}, "one"),
        ({"search": "0%%"}, ""),
        ({"search": "a_b"}, "two"),
        ({"search": "_"}, "two"),
        ({"search": "BBBB"}, "two"),
        ({"search": "online"}, ""),
    ],
)
def test_every_condition_narrows(store: Store, asked: dict[str, object], expected: str) -> None:
    question = InventoryQuery.model_validate(asked)
    keys = [item.resource.key.removeprefix("lsn/") for item in store.inventory.iterate(question)]
    assert " ".join(keys) == expected
    rows, total = store.inventory.search(question)
    assert [item.resource.key.removeprefix("lsn/") for item in rows] == keys
    assert total == len(keys)


def test_only_the_first_are_read_and_all_are_counted(store: Store) -> None:
    rows, total = store.inventory.search(InventoryQuery(), limit=1)
    assert ([item.resource.key for item in rows], total) == (["lsn/three"], 3)


@pytest.mark.parametrize("tag", ["", "=prod", 'a"b=c'])
def test_an_invalid_tag_is_refused(store: Store, tag: str) -> None:
    with pytest.raises(BadInput, check=has_code("invalid-tag")):
        store.inventory.search(InventoryQuery(tags=(tag,)))
