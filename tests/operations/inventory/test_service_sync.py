"""Syncing a service: pages are stored, and only a complete listing marks what has vanished."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import Any

import pytest

from connectors.alibaba._bases import accelerated_domains
from domain.errors import BadInput, CloudError, Permanent, Transient
from domain.resources.inventory_sync import ServiceSync, ServiceSyncRecord, ServiceSyncResult
from domain.resources.resource import DiscoveredResource, Page, Resource
from operations.inventory.service_sync import resume_sync, sync_here
from tests.support.stack import ACCOUNT, SERVICE, Stack
from tests.support.syncs import count_page_reads

NAMES = ("a.example.com", "b.example.com", "c.example.com")


def add_vanished(stack: Stack, key: str = "gone.example.com") -> None:
    """A resource that an earlier sync has listed, and that does not exist any more."""
    resource = Resource(account=ACCOUNT, service=SERVICE, key=key, domains=(key,))
    former = datetime.now(UTC) - timedelta(hours=1)
    stack.store.inventory.upsert(
        [DiscoveredResource(resource=resource, binding_known=True)], former
    )


def seed_names(stack: Stack) -> None:
    entries = [{"name": name, "certificate": None} for name in NAMES]
    stack.cloud.seed("cdn", account=stack.key_id, domains=entries)


def list_keys(stack: Stack, *, vanished: bool = False) -> list[str]:
    items = stack.store.inventory.list(include_vanished=True)
    return [each.resource.key for each in items if bool(each.vanished_at) is vanished]


def test_a_complete_sync_stores_all_pages_and_marks_what_has_vanished(
    any_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    add_vanished(any_stack)
    seed_names(any_stack)
    progress: list[tuple[int, int | None]] = []
    done = sync_here(
        any_stack.store,
        any_stack.connectors,
        ACCOUNT,
        SERVICE,
        lambda record: progress.append((record.seen, record.total)),
    )
    assert (done.seen, done.vanished, done.error) == (3, 1, None)
    assert progress == [(2, 3), (3, 3)]
    assert list_keys(any_stack) == list(NAMES)
    assert list_keys(any_stack, vanished=True) == ["gone.example.com"]


def test_a_failed_sync_stores_its_pages_and_marks_nothing(
    any_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    add_vanished(any_stack)
    seed_names(any_stack)

    def fail_the_next_page(record: ServiceSyncRecord) -> None:
        any_stack.cloud.add_fault("error", "DescribeUserDomains", code="Forbidden.RAM", status=403)

    done = sync_here(any_stack.store, any_stack.connectors, ACCOUNT, SERVICE, fail_the_next_page)
    assert (done.seen, done.vanished) == (2, 0)
    assert done.error is not None
    assert done.error.code == "Forbidden.RAM"
    assert list_keys(any_stack) == ["a.example.com", "b.example.com", "gone.example.com"]


def test_a_resource_that_comes_back_is_no_longer_vanished(stack: Stack) -> None:
    add_vanished(stack, "a.example.com")
    assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).vanished == 1
    seed_names(stack)
    assert sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).vanished == 0
    assert list_keys(stack) == list(NAMES)


def test_an_account_that_is_unknown_is_refused(stack: Stack) -> None:
    with pytest.raises(BadInput) as caught:
        sync_here(stack.store, stack.connectors, "nobody", SERVICE)
    assert caught.value.code == "unknown-account"


class Killed(Exception):
    """Stands for a worker that is killed between two steps."""


SYNC = ServiceSync(account=ACCOUNT, service=SERVICE, run="1")
KILLS = 10


def ignore(record: ServiceSyncRecord) -> None:
    """A listener that does nothing."""


def resume(stack: Stack, sync: ServiceSync = SYNC) -> ServiceSyncResult:
    return resume_sync(stack.store, stack.connectors, sync, ignore)


def kill_at(stack: Stack, monkeypatch: pytest.MonkeyPatch, points: set[int]) -> None:
    """Kills the sync at these steps, before or after they have an effect."""
    connector = stack.connectors.get(ACCOUNT, SERVICE)
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

    syncs, inventory = stack.store.syncs, stack.store.inventory
    for owner, name, after in (
        (connector, "discover", True),
        (inventory, "upsert", False),
        (syncs, "advance", True),
        (syncs, "finish", True),
    ):
        monkeypatch.setattr(owner, name, deadly(getattr(owner, name), after=after))


def test_a_sync_killed_at_ten_random_points_ends_complete(
    any_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = any_stack
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    add_vanished(stack)
    names = [f"n{number:03}.example.com" for number in range(41)]
    domains = [{"name": name, "certificate": None} for name in names]
    stack.cloud.seed("cdn", account=stack.key_id, domains=domains)
    points = set(SystemRandom().sample(range(1, 60), KILLS))
    kill_at(stack, monkeypatch, points)
    points_text = f"killed at {sorted(points)}"
    for _ in points:
        with pytest.raises(Killed):
            resume(stack)
    done = resume(stack)
    assert (done.seen, done.vanished, done.error) == (41, 1, None), points_text
    assert list_keys(stack) == names, points_text
    assert list_keys(stack, vanished=True) == ["gone.example.com"], points_text
    asked = count_page_reads(stack)
    assert set(asked) == set(range(1, 22)), points_text
    assert asked.total() <= 21 + KILLS, points_text


def test_another_run_starts_over_and_the_earlier_one_stops(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    seed_names(stack)

    def overtaken(record: ServiceSyncRecord) -> None:
        stack.store.syncs.begin(SYNC.model_copy(update={"run": "2"}), datetime.now(UTC))

    with pytest.raises(Transient) as caught:
        resume_sync(stack.store, stack.connectors, SYNC, overtaken)
    assert caught.value.code == "AnotherSync"
    assert resume(stack, SYNC.model_copy(update={"run": "2"})).seen == 3


def test_a_page_token_that_the_provider_forgot_restarts_the_listing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = stack.connectors.get(ACCOUNT, SERVICE)
    listed = connector.discover

    def forgetful(page: str | None = None) -> Page:
        if page is not None:
            raise Permanent("no such token", code="InvalidNextToken")
        return listed(page)

    monkeypatch.setattr(connector, "discover", forgetful)
    seed_names(stack)
    begun = stack.store.syncs.begin(SYNC, datetime.now(UTC) - timedelta(hours=1))
    assert stack.store.syncs.advance(begun, "lost", 50, None) is not None
    assert resume(stack).seen == 3
    monkeypatch.setattr(accelerated_domains, "PAGE_SIZE", 2)
    with pytest.raises(CloudError) as caught:
        resume(stack, SYNC.model_copy(update={"run": "2"}))
    assert caught.value.code == "InvalidNextToken"


def test_a_listing_that_shrinks_meanwhile_marks_nothing(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_vanished(stack)
    found = tuple(
        DiscoveredResource(resource=each, binding_known=True)
        for each in (Resource(account=ACCOUNT, service=SERVICE, key=name) for name in NAMES)
    )
    answers = {
        None: Page(resources=found[:2], next="2", total=4),
        "2": Page(resources=found[2:], total=3),
    }
    connector = stack.connectors.get(ACCOUNT, SERVICE)
    monkeypatch.setattr(connector, "discover", lambda page: answers[page])
    assert (resume(stack).seen, resume(stack).vanished) == (3, 0)
    assert "gone.example.com" in list_keys(stack)
    answers[None] = Page(resources=found[:2], next="2", total=3)
    assert resume(stack, SYNC.model_copy(update={"run": "2"})).vanished == 1


def test_a_listing_that_leads_back_to_the_same_page_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = stack.connectors.get(ACCOUNT, SERVICE)
    monkeypatch.setattr(connector, "discover", lambda page: Page(resources=(), next="2"))
    assert (error := sync_here(stack.store, stack.connectors, ACCOUNT, SERVICE).error) is not None
    assert error.code == "EndlessListing"


def test_a_listed_resource_is_never_older_than_the_sync(stack: Stack) -> None:
    """The worker that goes on may have a clock behind that of the one that began."""
    seed_names(stack)
    ahead = datetime.now(UTC) + timedelta(seconds=2)
    stack.store.syncs.begin(SYNC, ahead)
    assert (resume(stack).vanished, list_keys(stack)) == (0, list(NAMES))
