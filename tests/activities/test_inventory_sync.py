"""Walking a service: what was seen is kept, and only a complete walk says what has vanished."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

import pytest

from activities.inventory_sync import sync, walk_on
from connectors.alibaba._bases import accelerated_domains
from domain.errors import BadInput, CloudError, Permanent, Transient
from domain.resources.inventory_sync import Synced, Walk, WalkRecord
from domain.resources.resource import Found, Page, Resource
from tests.support.house import ACCOUNT, SERVICE, House
from tests.workflows.syncing import pages

NAMES = ("a.example.com", "b.example.com", "c.example.com")


def gone(house: House, key: str = "gone.example.com") -> None:
    """A resource that a former walk has seen, and that is there no longer."""
    resource = Resource(account=ACCOUNT, service=SERVICE, key=key, domains=(key,))
    former = datetime.now(UTC) - timedelta(hours=1)
    house.store.inventory.upsert([Found(resource=resource, binding_known=True)], former)


def seeded(house: House) -> None:
    entries = [{"name": name, "certificate": None} for name in NAMES]
    house.cloud.seed("cdn", account=house.key_id, domains=entries)


def keys(house: House, *, vanished: bool = False) -> list[str]:
    items = house.store.inventory.list(include_vanished=True)
    return [each.resource.key for each in items if bool(each.vanished_at) is vanished]


def test_a_complete_walk_keeps_all_pages_and_marks_what_has_vanished(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    gone(any_house)
    seeded(any_house)
    told: list[tuple[int, int | None]] = []
    done = sync(
        any_house.store,
        any_house.clouds,
        ACCOUNT,
        SERVICE,
        lambda record: told.append((record.seen, record.total)),
    )
    assert (done.seen, done.vanished, done.error) == (3, 1, None)
    assert told == [(2, 3), (3, 3)]
    assert keys(any_house) == list(NAMES)
    assert keys(any_house, vanished=True) == ["gone.example.com"]


def test_a_walk_that_breaks_off_keeps_what_it_saw_and_marks_nothing(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    gone(any_house)
    seeded(any_house)

    def fail_the_next_page(record: WalkRecord) -> None:
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


class Killed(Exception):
    """What stands for a worker that is gone between one step and the next."""


WALK = Walk(account=ACCOUNT, service=SERVICE, run="1")
KILLS = 10


def nothing(record: WalkRecord) -> None:
    """Nobody listens."""


def go_on(house: House, walk: Walk = WALK) -> Synced:
    return walk_on(house.store, house.clouds, walk, nothing)


def killing(house: House, monkeypatch: pytest.MonkeyPatch, points: set[int]) -> None:
    """Kills the walk at these of its steps, before or after they have their effect."""
    connector = house.clouds.connector(ACCOUNT, SERVICE)
    count = 0

    def deadly(step: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
        def one(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count in points and not after:
                raise Killed
            answer = step(*given, **named)
            if count in points:
                raise Killed
            return answer

        return one

    syncs, inventory = house.store.syncs, house.store.inventory
    for owner, name, after in (
        (connector, "discover", True),
        (inventory, "upsert", False),
        (syncs, "advance", True),
        (syncs, "finish", True),
    ):
        monkeypatch.setattr(owner, name, deadly(getattr(owner, name), after=after))


def test_a_walk_killed_at_ten_random_points_ends_complete(
    any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = any_house
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    gone(house)
    names = [f"n{number:03}.example.com" for number in range(41)]
    domains = [{"name": name, "certificate": None} for name in names]
    house.cloud.seed("cdn", account=house.key_id, domains=domains)
    points = set(SystemRandom().sample(range(1, 60), KILLS))
    killing(house, monkeypatch, points)
    told = f"killed at {sorted(points)}"
    for _ in points:
        with pytest.raises(Killed):
            go_on(house)
    done = go_on(house)
    assert (done.seen, done.vanished, done.error) == (41, 1, None), told
    assert keys(house) == names, told
    assert keys(house, vanished=True) == ["gone.example.com"], told
    asked = pages(house)
    assert set(asked) == set(range(1, 22)), told
    assert asked.total() <= 21 + KILLS, told


def test_another_run_begins_anew_and_the_former_one_stops(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    seeded(house)

    def overtaken(record: WalkRecord) -> None:
        house.store.syncs.begin(WALK.model_copy(update={"run": "2"}), datetime.now(UTC))

    with pytest.raises(Transient, match="another walk") as caught:
        walk_on(house.store, house.clouds, WALK, overtaken)
    assert caught.value.code == "AnotherWalk"
    assert go_on(house, WALK.model_copy(update={"run": "2"})).seen == 3


def test_a_place_that_the_provider_forgot_is_no_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = house.clouds.connector(ACCOUNT, SERVICE)
    listed = connector.discover

    def forgetful(page: str | None = None) -> Page:
        if page is not None:
            raise Permanent("no such token", code="InvalidNextToken")
        return listed(page)

    monkeypatch.setattr(connector, "discover", forgetful)
    seeded(house)
    begun = house.store.syncs.begin(WALK, datetime.now(UTC) - timedelta(hours=1))
    assert house.store.syncs.advance(begun, "lost", 50, None) is not None
    assert go_on(house).seen == 3
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    with pytest.raises(CloudError, match="no such token"):
        go_on(house, WALK.model_copy(update={"run": "2"}))


def test_a_listing_that_shrinks_on_the_way_marks_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone(house)
    found = tuple(
        Found(resource=each, binding_known=True)
        for each in (Resource(account=ACCOUNT, service=SERVICE, key=name) for name in NAMES)
    )
    answers = {
        None: Page(found=found[:2], next="2", total=4),
        "2": Page(found=found[2:], total=3),
    }
    connector = house.clouds.connector(ACCOUNT, SERVICE)
    monkeypatch.setattr(connector, "discover", lambda page: answers[page])
    assert (go_on(house).seen, go_on(house).vanished) == (3, 0)
    assert "gone.example.com" in keys(house)
    answers[None] = Page(found=found[:2], next="2", total=3)
    assert go_on(house, WALK.model_copy(update={"run": "2"})).vanished == 1


def test_a_listing_that_leads_back_is_given_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = house.clouds.connector(ACCOUNT, SERVICE)
    monkeypatch.setattr(connector, "discover", lambda page: Page(found=(), next="2"))
    assert (error := sync(house.store, house.clouds, ACCOUNT, SERVICE).error) is not None
    assert error.code == "EndlessListing"


def test_what_was_seen_is_never_older_than_the_walk(house: House) -> None:
    """The worker that goes on may have a clock behind that of the one that began."""
    seeded(house)
    ahead = datetime.now(UTC) + timedelta(seconds=2)
    house.store.syncs.begin(WALK, ahead)
    assert (go_on(house).vanished, keys(house)) == (0, list(NAMES))
