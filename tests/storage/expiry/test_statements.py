"""The expiry view and the inventory's lists ask a few statements, however many resources."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from storage.inventory.queries import InventoryQuery
from storage.statements import get_table
from storage.store import Store
from storage.tables.core import ResourceRow
from tests.support.expiry_examples import build_resource
from tests.support.stored_examples import NOW, build_account

MANY, CERTIFICATES = 20_000, 100
Statements = Callable[[Callable[[], object]], int]


@pytest.fixture
def statements(store: Store) -> Iterator[Statements]:
    """How many statements something takes."""
    asked: list[str] = []
    engine = store.database._engine  # what is sent is what is to be shown

    def heard(*given: object) -> None:
        if "BEGIN" not in str(given[2]):
            asked.append(str(given[2]))

    def counted(something: Callable[[], object]) -> int:
        asked.clear()
        something()
        return len(asked)

    event.listen(engine, "before_cursor_execute", heard)
    yield counted
    event.remove(engine, "before_cursor_execute", heard)


def put_many(store: Store) -> None:
    """All at once: a sync would take its time."""
    store.accounts.add(build_account(), {})
    with store.database.statements() as connection:
        connection.execute(insert(get_table(ResourceRow)), [row(number) for number in range(MANY)])


def row(number: int) -> dict[str, object]:
    resource, fingerprint = build_resource(number), f"{number % CERTIFICATES:064x}"
    until = NOW + timedelta(days=number % CERTIFICATES)
    binding = {"fingerprint": fingerprint, "names": [], "not_after": until.isoformat()}
    return {
        "id": resource.id,
        "account": resource.account,
        "service": resource.service,
        "document": resource.model_dump(mode="json"),
        "binding": binding,
        "binding_known": True,
        "tags": {},
        "serves": fingerprint,
        "not_after": until,
        "seen_at": NOW,
    }


def test_the_number_of_statements_does_not_depend_on_the_number_of_rows(
    store: Store, statements: Statements
) -> None:
    put_many(store)
    expiry, asked = store.expiry, InventoryQuery(search="host1", unmanaged=True)
    assert statements(lambda: expiry.list_certificates()) == 2
    assert statements(lambda: expiry.list_resources()) == 2
    assert statements(lambda: expiry.list_resources(limit=10)) == 3
    assert statements(lambda: expiry.list_unknown()) == 1
    assert statements(lambda: expiry.list_drifted()) == 2
    assert statements(lambda: expiry.count_resources()) == 2
    assert statements(lambda: store.inventory.search(asked, 50)) == 2
    assert statements(lambda: list(store.inventory.iterate(asked))) == 1

    rows, total = expiry.list_certificates(limit=2)
    assert total == CERTIFICATES
    assert [each.resources for each in rows] == [MANY // CERTIFICATES] * 2
    assert expiry.count_resources().unmanaged == MANY
    items, total = store.inventory.search(InventoryQuery(search="host1999"), 5)
    assert (len(items), total) == (5, 11)
    assert sum(1 for _ in store.inventory.iterate(InventoryQuery())) == MANY
