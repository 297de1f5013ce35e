"""How long a change is tried again: until a window ends, an expiry, a bound; never for ever."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rollout.backoff import AT_LEAST, FIRST_PAUSE, LONGEST_PAUSE, give_up_at, pause
from tests.storage.examples import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPANS = st.timedeltas(timedelta(), timedelta(days=40))


def test_without_anything_nearer_it_is_tried_as_long_as_the_policy_says() -> None:
    assert give_up_at(NOW, DAY) == NOW + DAY


@pytest.mark.parametrize("near", [HOUR, timedelta(seconds=1)])
def test_nothing_is_tried_after_its_window_has_closed(near: timedelta) -> None:
    assert give_up_at(NOW, DAY, closes=NOW + near, expires=NOW + 2 * HOUR) == NOW + near


def test_an_expiry_within_that_time_is_told_when_it_comes() -> None:
    assert give_up_at(NOW, DAY, expires=NOW + HOUR) == NOW + HOUR


def test_an_expiry_that_is_quite_near_leaves_some_time_all_the_same() -> None:
    assert give_up_at(NOW, DAY, expires=NOW + timedelta(seconds=5)) == NOW + AT_LEAST


def test_what_has_expired_already_hurries_nothing_any_more() -> None:
    assert give_up_at(NOW, DAY, expires=NOW - HOUR) == NOW + DAY


@given(SPANS, st.none() | SPANS, st.none() | SPANS)
def test_it_never_takes_longer_than_the_policy_or_the_window_says(
    keep: timedelta, closes: timedelta | None, expires: timedelta | None
) -> None:
    ends = give_up_at(
        NOW,
        keep,
        closes=None if closes is None else NOW + closes,
        expires=None if expires is None else NOW + expires,
    )
    assert NOW <= ends <= NOW + min(keep, keep if closes is None else closes)


@given(st.integers(1, 10_000))
def test_pauses_grow_to_a_bound(turns: int) -> None:
    assert FIRST_PAUSE <= pause(turns) <= pause(turns + 1) <= LONGEST_PAUSE
    assert pause(20) == LONGEST_PAUSE
