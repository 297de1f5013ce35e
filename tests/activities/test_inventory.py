"""Walking a service: what was seen is kept, and only a complete walk says what has vanished."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.inventory import sync
from connectors.alibaba import _domains
from domain.errors import BadInput
from domain.resource import Found, Resource
from tests.house import ACCOUNT, SERVICE, House

NAMES = ("a.example.com", "b.example.com", "c.example.com")


def gone(house: House, key: str = "gone.example.com") -> None:
    """A resource that a former walk has seen, and that is there no longer."""
    resource = Resource(account=ACCOUNT, service=SERVICE, key=key, domains=(key,))
    former = datetime.now(UTC) - timedelta(hours=1)
    house.store.inventory.upsert([Found(resource=resource)], former)


def seeded(house: House) -> None:
    entries = [{"name": name, "certificate": None} for name in NAMES]
    house.cloud.seed("cdn", account=house.key_id, domains=entries)


def keys(house: House, *, vanished: bool = False) -> list[str]:
    items = house.store.inventory.list(include_vanished=True)
    return [each.resource.key for each in items if bool(each.vanished_at) is vanished]


def test_a_complete_walk_keeps_all_pages_and_marks_what_has_vanished(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_domains, "PAGE_SIZE", 2)
    gone(any_house)
    seeded(any_house)
    told: list[tuple[int, int | None]] = []
    done = sync(
        any_house.store,
        any_house.clouds,
        ACCOUNT,
        SERVICE,
        lambda seen, total: told.append((seen, total)),
    )
    assert (done.seen, done.vanished, done.error) == (3, 1, None)
    assert told == [(2, 3), (3, 3)]
    assert keys(any_house) == list(NAMES)
    assert keys(any_house, vanished=True) == ["gone.example.com"]


def test_a_walk_that_breaks_off_keeps_what_it_saw_and_marks_nothing(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_domains, "PAGE_SIZE", 2)
    gone(any_house)
    seeded(any_house)

    def fail_the_next_page(seen: int, total: int | None) -> None:
        any_house.cloud.fault("error", "DescribeUserDomains", code="Forbidden.RAM", status=403)

    done = sync(any_house.store, any_house.clouds, ACCOUNT, SERVICE, fail_the_next_page)
    assert (done.seen, done.vanished) == (2, 0)
    assert done.error is not None
    assert done.error.code == "Forbidden.RAM"
    assert keys(any_house) == ["a.example.com", "b.example.com", "gone.example.com"]


def test_what_comes_back_is_there_again(house: House) -> None:
    gone(house, "a.example.com")
    assert sync(house.store, house.clouds, ACCOUNT, SERVICE).vanished == 1
    seeded(house)
    assert sync(house.store, house.clouds, ACCOUNT, SERVICE).vanished == 0
    assert keys(house) == list(NAMES)


def test_an_account_that_is_unknown_is_refused(house: House) -> None:
    with pytest.raises(BadInput, match="nobody"):
        sync(house.store, house.clouds, "nobody", SERVICE)
