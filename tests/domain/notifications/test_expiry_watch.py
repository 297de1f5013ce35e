"""How near an expiry is, by the lifetime of the certificate; each step comes once."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.notifications.expiry_watch import Nearness, classify_nearness
from tests.support.stored_examples import NOW

N = Nearness
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("lifetime", "days", "expected"),
    [
        (None, 30.1, None),
        (None, 30, N.MONTH),
        (398, 100, None),
        (398, 30, N.MONTH),
        (90, 30, N.MONTH),
        (90, 31, None),
        (47, 16, None),
        (47, 15, N.MONTH),
        (47, 7, N.WEEK),
        (47, 2, N.DAYS),
        (10, 3.4, None),
        (10, 3, N.WEEK),
        (6, 2.1, None),
        (6, 2, N.DAYS),
        (1, 0.5, None),
        (1, 0.3, N.DAYS),
        (90, 0, N.EXPIRED),
        (None, -400, N.EXPIRED),
    ],
)
def test_the_steps_of_an_expiry(
    lifetime: float | None, days: float, expected: Nearness | None
) -> None:
    life = None if lifetime is None else lifetime * DAY
    assert classify_nearness(NOW + days * DAY, life, NOW) is expected


@given(st.none() | st.integers(1, 400).map(lambda days: days * DAY), st.integers(1, 48))
def test_regular_checks_find_each_step_once_and_never_an_earlier_one(
    life: timedelta | None, hours: int
) -> None:
    begins = -(life or 60 * DAY)
    checks = range(int(begins / timedelta(hours=1)), 49, hours)
    found = [classify_nearness(NOW, life, NOW + timedelta(hours=hour)) for hour in checks]
    order = [None, *Nearness]
    steps = [order.index(each) for each in found]
    assert steps == sorted(steps)
    assert found[-1] is N.EXPIRED
    assert len(set(found) - {None}) <= 4
