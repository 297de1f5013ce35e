"""How long a change is retried: until a window ends, an expiry, or a bound; never for ever."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rollout.backoff import (
    FIRST_BACKOFF,
    MAX_BACKOFF,
    MIN_RETRY_TIME,
    compute_backoff,
    compute_retry_deadline,
)
from tests.support.stored_examples import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPANS = st.timedeltas(timedelta(), timedelta(days=40))


def test_without_an_earlier_deadline_the_policy_decides() -> None:
    assert compute_retry_deadline(NOW, DAY) == NOW + DAY


@pytest.mark.parametrize("near", [HOUR, timedelta(seconds=1)])
def test_no_attempt_starts_after_the_end_of_the_window(near: timedelta) -> None:
    assert (
        compute_retry_deadline(NOW, DAY, window_end=NOW + near, expires_at=NOW + 2 * HOUR)
        == NOW + near
    )


def test_the_expiry_of_the_certificate_before_is_a_deadline() -> None:
    assert compute_retry_deadline(NOW, DAY, expires_at=NOW + HOUR) == NOW + HOUR


def test_a_very_near_expiry_still_leaves_the_minimum_time() -> None:
    assert (
        compute_retry_deadline(NOW, DAY, expires_at=NOW + timedelta(seconds=5))
        == NOW + MIN_RETRY_TIME
    )


def test_a_certificate_that_had_expired_before_sets_no_deadline() -> None:
    assert compute_retry_deadline(NOW, DAY, expires_at=NOW - HOUR) == NOW + DAY


@given(SPANS, st.none() | SPANS, st.none() | SPANS)
def test_the_deadline_is_never_after_the_policy_or_the_window(
    keep_trying: timedelta, window: timedelta | None, expiry: timedelta | None
) -> None:
    deadline = compute_retry_deadline(
        NOW,
        keep_trying,
        window_end=None if window is None else NOW + window,
        expires_at=None if expiry is None else NOW + expiry,
    )
    assert NOW <= deadline <= NOW + min(keep_trying, keep_trying if window is None else window)


@given(st.integers(1, 10_000))
def test_the_backoff_grows_to_a_bound(series: int) -> None:
    assert FIRST_BACKOFF <= compute_backoff(series) <= compute_backoff(series + 1) <= MAX_BACKOFF
    assert compute_backoff(20) == MAX_BACKOFF
