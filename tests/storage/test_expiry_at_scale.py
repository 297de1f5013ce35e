"""The expiry view and the inventory's lists ask a few statements, however many resources."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import event, insert

from storage.inventory.queries import Asked
from storage.statements import table
from storage.store import Store
from storage.tables.core import ResourceRow
from tests.storage.examples import NOW, account
from tests.storage.expiry_examples import place

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
    store.accounts.add(account(), {})
    with store.database.statements() as connection:
        connection.execute(insert(table(ResourceRow)), [row(number) for number in range(MANY)])


def row(number: int) -> dict[str, object]:
    resource, fingerprint = place(number), f"{number % CERTIFICATES:064x}"
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


def test_nothing_is_asked_for_each_row(store: Store, statements: Statements) -> None:
    put_many(store)
    expiry, asked = store.expiry, Asked(search="host1", unmanaged=True)
    assert statements(lambda: expiry.certificates()) == 2
    assert statements(lambda: expiry.resources()) == 2
    assert statements(lambda: expiry.resources(limit=10)) == 3
    assert statements(lambda: expiry.unknown()) == 1
    assert statements(lambda: expiry.drifted()) == 2
    assert statements(lambda: expiry.counts()) == 2
    assert statements(lambda: store.inventory.search(asked, 50)) == 2
    assert statements(lambda: list(store.inventory.each(asked))) == 1

    rows, total = expiry.certificates(limit=2)
    assert total == CERTIFICATES
    assert [each.resources for each in rows] == [MANY // CERTIFICATES] * 2
    assert expiry.counts().unmanaged == MANY
    items, total = store.inventory.search(Asked(search="host1999"), 5)
    assert (len(items), total) == (5, 11)
    assert sum(1 for _ in store.inventory.each(Asked())) == MANY
