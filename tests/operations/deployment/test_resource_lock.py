"""A change waits for its turn at what takes one change at a time, and keeps it while it works."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from domain.errors import Transient
from domain.tasks.messages import ChangeOrder, Direction
from operations.deployment import resource_lock
from operations.deployment.resource_lock import LEASE, LOOK_EVERY, Turn
from storage.statements import table
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


def is_free(store: Store, name: str = "main/lb-1", *, after: timedelta = timedelta()) -> bool:
    """Whether another would get the lock at that time from now."""
    at = datetime.now(UTC) + after
    taken = store.locks.take(name, "someone else", "else", at, timedelta(seconds=1))
    store.locks.give_back(name, "else")
    return taken


def test_a_lock_that_is_free_is_held_until_the_change_has_ended(store: Store) -> None:
    with Turn(store.locks, order("one"), never):
        assert not is_free(store)
        assert is_free(store, "main/lb-2")
    assert is_free(store)


def test_a_change_that_fails_gives_its_turn_back(store: Store) -> None:
    with pytest.raises(KeyError), Turn(store.locks, order("one"), never):
        raise KeyError
    assert is_free(store)


def test_what_another_task_changes_is_waited_for(store: Store) -> None:
    waited: list[float] = []
    first = Turn(store.locks, order("one"), never)
    first.__enter__()

    def pause(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            first.__exit__(None, None, None)

    with Turn(store.locks, order("two"), pause):
        assert waited == [LOOK_EVERY, LOOK_EVERY]


def test_a_wait_without_end_is_given_up_and_tried_again_later(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_lock, "LONGEST_WAIT", -1.0)
    with (
        Turn(store.locks, order("one"), never),
        pytest.raises(Transient, match="main/lb-1 is being changed") as caught,
        Turn(store.locks, order("two"), never),
    ):
        raise AssertionError("it had a turn")
    assert caught.value.code == "Locked"


def test_a_step_that_is_repeated_has_its_turn_at_once(store: Store) -> None:
    Turn(store.locks, order("one"), never).__enter__()
    with Turn(store.locks, order("one"), never):
        assert not is_free(store)


def test_who_waits_goes_before_the_task_that_just_had_its_turn(store: Store) -> None:
    """The first task has another change at hand as soon as one has ended."""
    had: list[str] = []
    first = Turn(store.locks, order("one"), never)
    first.__enter__()

    def first_ends_and_wants_more(_: float) -> None:
        if had:
            return
        had.append("one")
        first.__exit__(None, None, None)
        with pytest.raises(InterruptedError), Turn(store.locks, order("one"), interrupted):
            had.append("one again")

    with Turn(store.locks, order("two"), first_ends_and_wants_more):
        had.append("two")
    assert had == ["one", "two"]
    with Turn(store.locks, order("one"), never):
        had.append("one again")


def interrupted(_: float) -> None:
    raise InterruptedError


def test_a_repeated_step_does_not_stand_in_line(store: Store) -> None:
    """Its lock would have to run out first: it is its own."""
    Turn(store.locks, order("one"), never).__enter__()

    def the_first_is_repeated(_: float) -> None:
        with Turn(store.locks, order("one"), never):
            pass

    with Turn(store.locks, order("two"), the_first_is_repeated):
        assert not is_free(store)


def test_a_pause_keeps_the_lock(store: Store) -> None:
    with Turn(store.locks, order("one"), lambda seconds: None) as turn:
        nearly_over = datetime.now(UTC) - LEASE + timedelta(seconds=1)
        with store.database.statements() as connection:
            connection.execute(update(table(LockRow)).values(until=nearly_over + LEASE))
        turn.pause(0.5)
        assert not is_free(store, after=LEASE / 2)


def test_without_a_lock_every_change_has_its_turn(store: Store) -> None:
    waited: list[float] = []
    with Turn(store.locks, order("one", None), waited.append) as turn:
        turn.pause(0.5)
    assert waited == [0.5]


def test_a_lock_that_was_lost_to_another_ends_the_step(store: Store) -> None:
    def lose(_: float) -> None:
        at = datetime.now(UTC) + 2 * LEASE
        assert store.locks.take("main/lb-1", "two/0", "other", at, LEASE)

    with (
        pytest.raises(Transient, match="lost its turn at main/lb-1"),
        Turn(store.locks, order("one"), lose) as turn,
    ):
        turn.pause(0.5)
    assert not is_free(store)


def test_an_attempt_that_was_overtaken_ends_and_frees_nothing(store: Store) -> None:
    """It hung for longer than its heartbeat may, and goes on while the next attempt works."""
    later = Turn(store.locks, order("one"), never)

    def overtaken(_: float) -> None:
        later.__enter__()

    with (
        pytest.raises(Transient, match="lost its turn at main/lb-1"),
        Turn(store.locks, order("one"), overtaken) as hung,
    ):
        hung.pause(0.5)
    assert not is_free(store)
    later.__exit__(None, None, None)
    assert is_free(store)


def test_an_attempt_that_hung_in_the_line_takes_nothing_from_the_next_one(store: Store) -> None:
    """It waits for a rival; when that has ended, the next attempt at the same step is at work."""
    rival, later = (Turn(store.locks, order(task), never) for task in ("two", "one"))
    rival.__enter__()
    waited: list[float] = []

    def overtaken(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) > 1:
            raise InterruptedError
        rival.__exit__(None, None, None)
        later.__enter__()

    with pytest.raises(InterruptedError), Turn(store.locks, order("one"), overtaken):
        raise AssertionError("it took the lock from the attempt after it")
    assert not is_free(store)
    later.__exit__(None, None, None)
    assert is_free(store)
