"""The lock of a resource or group: who waits, who steals it, and how long it is held."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from domain.errors import Transient
from domain.tasks.messages import ChangeOrder, Direction
from operations.deployment import resource_lock
from operations.deployment.resource_lock import LEASE, POLL_SECONDS, ResourceLease
from storage.coordination.clock import read_shared_clock
from storage.coordination.locks import Locks
from storage.statements import get_table
from storage.store import Store
from storage.tables.coordination import LockRow


def order(task: str, lock: str | None = "main/lb-1") -> ChangeOrder:
    return ChangeOrder(
        task_id=task,
        ordinal=0,
        direction=Direction.DEPLOY,
        label="x",
        account="main",
        service="alibaba.alb",
        lock=lock,
    )


def never(seconds: float) -> None:
    raise AssertionError("there was nothing to wait for")


def later(store: Store, after: timedelta) -> Locks:
    """The locks as they stand so much later."""
    return Locks(
        store.database,
        lambda connection: read_shared_clock(connection) + after.total_seconds(),
    )


def is_free(store: Store, name: str = "main/lb-1", *, after: timedelta = timedelta()) -> bool:
    """Whether another would get the lock at that time from now."""
    locks = later(store, after)
    taken = locks.acquire(name, "someone else", "else", timedelta(seconds=1))
    locks.release(name, "else")
    return taken


def test_a_lock_that_is_free_is_held_until_the_change_has_ended(store: Store) -> None:
    with ResourceLease(store.locks, order("one"), never):
        assert not is_free(store)
        assert is_free(store, "main/lb-2")
    assert is_free(store)


def test_a_change_that_fails_releases_its_lock(store: Store) -> None:
    with pytest.raises(KeyError), ResourceLease(store.locks, order("one"), never):
        raise KeyError
    assert is_free(store)


def test_a_lock_of_another_task_is_waited_for(store: Store) -> None:
    waited: list[float] = []
    first = ResourceLease(store.locks, order("one"), never)
    first.__enter__()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            first.__exit__(None, None, None)

    with ResourceLease(store.locks, order("two"), pause):
        assert waited == [POLL_SECONDS, POLL_SECONDS]


def test_a_wait_that_takes_too_long_ends_in_a_transient_error(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_lock, "MAX_WAIT_SECONDS", -1.0)
    with (
        ResourceLease(store.locks, order("one"), never),
        pytest.raises(Transient) as caught,
        ResourceLease(store.locks, order("two"), never),
    ):
        raise AssertionError("it had the lock")
    assert caught.value.code == "Locked"


def test_a_repeated_step_has_its_lock_at_once(store: Store) -> None:
    ResourceLease(store.locks, order("one"), never).__enter__()
    with ResourceLease(store.locks, order("one"), never):
        assert not is_free(store)


def test_a_waiting_task_goes_before_the_task_that_just_had_the_lock(store: Store) -> None:
    """The first task has another change at hand as soon as one has ended."""
    had: list[str] = []
    first = ResourceLease(store.locks, order("one"), never)
    first.__enter__()

    def first_ends_and_wants_more(_: float) -> None:
        if had:
            return
        had.append("one")
        first.__exit__(None, None, None)
        with pytest.raises(InterruptedError), ResourceLease(store.locks, order("one"), interrupted):
            had.append("one again")

    with ResourceLease(store.locks, order("two"), first_ends_and_wants_more):
        had.append("two")
    assert had == ["one", "two"]
    with ResourceLease(store.locks, order("one"), never):
        had.append("one again")


def interrupted(_: float) -> None:
    raise InterruptedError


def test_a_repeated_step_does_not_queue(store: Store) -> None:
    """Its lock would have to run out first: it is its own."""
    ResourceLease(store.locks, order("one"), never).__enter__()

    def the_first_is_repeated(_: float) -> None:
        with ResourceLease(store.locks, order("one"), never):
            pass

    with ResourceLease(store.locks, order("two"), the_first_is_repeated):
        assert not is_free(store)


def test_a_pause_renews_the_lock(store: Store) -> None:
    with ResourceLease(store.locks, order("one"), lambda seconds: None) as lease:
        with store.database.statements() as connection:
            soon = read_shared_clock(connection) + 1.0
            connection.execute(update(get_table(LockRow)).values(until=soon))
        lease.pause(0.5)
        assert not is_free(store, after=LEASE / 2)


def test_an_order_without_a_lock_has_the_lock_of_its_resource(store: Store) -> None:
    waited: list[float] = []
    with ResourceLease(store.locks, order("one", None), waited.append) as lease:
        lease.pause(0.5)
    assert waited == [0.5]


def test_a_lock_lost_to_another_task_ends_the_attempt(store: Store) -> None:
    def lose(_: float) -> None:
        assert later(store, 2 * LEASE).acquire("main/lb-1", "two/0", "other", LEASE)

    with (
        pytest.raises(Transient) as caught,
        ResourceLease(store.locks, order("one"), lose) as lease,
    ):
        lease.pause(0.5)
    assert caught.value.code == "LockLost"
    assert not is_free(store, after=2 * LEASE)


def test_an_attempt_whose_lock_was_stolen_ends_and_frees_nothing(store: Store) -> None:
    """It hung for longer than its heartbeat may, and goes on while the next attempt works."""
    later = ResourceLease(store.locks, order("one"), never)

    def steal(_: float) -> None:
        later.__enter__()

    with (
        pytest.raises(Transient) as caught,
        ResourceLease(store.locks, order("one"), steal) as hung,
    ):
        hung.pause(0.5)
    assert caught.value.code == "LockLost"
    assert not is_free(store)
    later.__exit__(None, None, None)
    assert is_free(store)


def test_an_attempt_that_hung_in_the_queue_takes_nothing_from_the_next_one(store: Store) -> None:
    """It waits for a rival; when that has ended, the next attempt at the same step is at work."""
    rival, later = (ResourceLease(store.locks, order(task), never) for task in ("two", "one"))
    rival.__enter__()
    waited: list[float] = []

    def steal(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 1:
            raise InterruptedError
        rival.__exit__(None, None, None)
        later.__enter__()

    with pytest.raises(InterruptedError), ResourceLease(store.locks, order("one"), steal):
        raise AssertionError("it took the lock from the attempt after it")
    assert not is_free(store)
    later.__exit__(None, None, None)
    assert is_free(store)
